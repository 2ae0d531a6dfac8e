"""From a torch module to an ONNX graph with plain nodes, and with metadata for whoever has that file alone."""

import contextlib
import io
import json
import logging
import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.imaging.images.preprocess import Preprocessing

OPSET = 20
FORM = 2  # of the graphs that are cached: 2 has plain Flatten nodes and the output `feature_map`


def to_onnx(module: nn.Module, preprocessing: Preprocessing, outputs: list[str]) -> bytes:
    """The module as an ONNX file with the input `pixels` (N, 3, H, W) float32, N free.

    Args:
        module: in evaluation mode while it is exported; on any device.
        preprocessing: gives H and W.
        outputs: names of what the module returns, in order.
    """
    example = torch.zeros(2, 3, preprocessing.height, preprocessing.width)
    return export_graph(module, {"pixels": example}, ({0: torch.export.Dim("batch")},), outputs)


def export_graph(module: nn.Module, example: dict[str, Tensor], free: Any, outputs: list[str]) -> bytes:
    """The module as an ONNX file: examples by the names of the inputs, their free axes, and names of the outputs."""
    module = module.eval().to("cpu")
    in_place = [part for part in module.modules() if getattr(part, "inplace", False)]
    for part in in_place:  # taking in-place activations apart is half of an export's time
        part.inplace = False  # type: ignore[assignment]
    logger = logging.getLogger("torch.onnx")
    level, logger.level = logger.level, logging.ERROR
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own, about its libraries
            program = torch.onnx.export(
                module, tuple(example.values()), dynamo=True, input_names=list(example), output_names=outputs,
                dynamic_shapes=free, opset_version=OPSET, verbose=False,
            )  # fmt: skip
    finally:
        logger.level = level
        for part in in_place:
            part.inplace = True  # type: ignore[assignment]
    if program is None:
        raise AssertionError("torch.onnx.export(dynamo=True) returned no program")
    model = program.model_proto
    _use_plain_flatten(model)
    content: bytes = model.SerializeToString()
    return content


def _use_plain_flatten(model: Any) -> None:
    """Make a Flatten of every Reshape from (N, C, ...) to (N, everything).

    Both compute the same. Tools that prune, quantise or differentiate a graph follow a Flatten from the channels
    to the features, and stop at a Reshape, whose target is a constant like any other.
    """
    from onnx import helper

    graph = model.graph
    known = {value.name: _dimensions(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    for node in graph.node:
        if node.op_type != "Reshape":
            continue
        before, after = known.get(node.input[0], []), known.get(node.output[0], [])
        if len(before) < 3 or len(after) != 2 or before[0] != after[0] or not isinstance(before[0], str):
            continue
        if all(isinstance(size, int) for size in before[1:]) and math.prod(before[1:]) == after[1]:
            flat = helper.make_node("Flatten", [node.input[0]], list(node.output), name=node.name, axis=1)
            node.CopyFrom(flat)
    used = {name for node in graph.node for name in node.input}
    left = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(left)


def _dimensions(value: Any) -> list[Any]:
    """Sizes: whole numbers, or the names of free axes."""
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def add_metadata(content: bytes, info: BundleInfo) -> bytes:
    """The ONNX file with what a reader needs who has no other file of the bundle: each value is JSON."""
    import onnx

    model = onnx.load_model_from_string(content)
    values = {
        "made_by": info.made_by, "task": info.task, "classes": info.classes, "temperature": info.temperature,
        "preprocessing": info.preprocessing.model_dump(mode="json"),
    }  # fmt: skip
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in values.items()})
    described: bytes = model.SerializeToString()
    return described
