"""From a torch module to an ONNX graph with plain nodes, and with metadata for whoever has that file alone."""

import contextlib
import io
import json
import logging
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.export.plain import PlainPooling, simplify
from pupila.tasks import TASKS

OPSET = 20
FORM = 3  # of the graphs that are cached: 3 has plain pooling and resizing, 2 the output `feature_map`


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
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            torch.no_grad(),
            PlainPooling(),
        ):
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
    simplify(model)
    content: bytes = model.SerializeToString()
    return content


def add_metadata(content: bytes, info: BundleInfo) -> bytes:
    """The ONNX file with what a reader needs who has no other file of the bundle: each value is JSON."""
    import onnx

    model = onnx.load_model_from_string(content)
    values = {
        "made_by": info.made_by,
        "task": info.task,
        "classes": info.classes,
        "input": {
            "name": "pixels",
            "layout": "NCHW",
            "colour_order": "RGB",
            "values": "(x / 255 - mean) / std",
        },
        "preprocessing": info.preprocessing.model_dump(mode="json"),
        "temperature": info.temperature,
        "activation": TASKS[info.task].activation,
        "post_processing": info.post_processing.model_dump(mode="json"),
        "prompt_format": info.prompt_format,
    }
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in values.items()})
    described: bytes = model.SerializeToString()
    return described
