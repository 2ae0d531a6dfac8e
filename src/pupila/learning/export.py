"""Export networks to ONNX, and check that both predict the same."""

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from pupila.artifacts.bundle.validation import Parity
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.models.network import Network
from pupila.learning.models.prompt_head import DecoderPart, PromptHead, Shape

TOLERANCE = 1e-3  # largest difference of a logit between torch and ONNX Runtime, over the largest logit
OPSET = 20
MAPS = ["embedding", "finest", "finer"]  # outputs of a promptable encoder; only SAM 2 has the last two


def to_onnx(module: nn.Module, preprocessing: Preprocessing, outputs: list[str]) -> bytes:
    """The module as an ONNX file with the input `pixels` (N, 3, H, W) float32, N free.

    Args:
        module: in evaluation mode while it is exported; on any device.
        preprocessing: gives H and W.
        outputs: names of what the module returns, in order.
    """
    example = torch.zeros(2, 3, preprocessing.height, preprocessing.width)
    return _graph(module, {"pixels": example}, ({0: torch.export.Dim("batch")},), outputs)


def decoder_to_onnx(head: PromptHead, maps: tuple[Tensor, ...]) -> bytes:
    """The prompt decoder as an ONNX file: the maps, `points` (N, 1, P, 2) and `labels` (N, 1, P), N and P free.

    Args:
        head: in evaluation mode while it is exported; on any device.
        maps: of two images, for their shapes.
    """
    batch, count = torch.export.Dim("batch"), torch.export.Dim("points", min=1)
    example = dict(zip(MAPS[: len(maps)], maps, strict=True))
    example |= {"points": torch.zeros(2, 1, 3, 2), "labels": torch.zeros(2, 1, 3, dtype=torch.int64)}
    free: Any = ((*({0: batch} for _ in maps), {0: batch, 2: count}, {0: batch, 2: count}),)
    return _graph(DecoderPart(head), example, free, ["masks", "predicted_iou"])


def _graph(module: nn.Module, example: dict[str, Tensor], free: Any, outputs: list[str]) -> bytes:
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
    content: bytes = program.model_proto.SerializeToString()
    return content


def check_logits(both: Iterable[tuple[Array, Array]]) -> Parity:
    """Compare logits of torch and of ONNX Runtime.

    Args:
        both: for every image its (K, C, ...) logits by torch, and by ONNX Runtime.

    Raises:
        PupilaError: they differ by more than the tolerance.
    """
    figures = [
        (float(np.abs(ours).max()), float(np.abs(ours - theirs).max()),
         float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()))
        for ours, theirs in both
    ]  # fmt: skip
    scales, differences, agreements = zip(*figures, strict=True)
    parity = Parity(
        images=len(figures),
        largest_difference=float(np.max(differences)) / max(*scales, 1e-6),
        label_agreement=float(np.mean(agreements)),
        tolerance=TOLERANCE,
    )
    if not parity.largest_difference <= TOLERANCE:
        raise PupilaError(
            say("The exported model does not match the trained model"),
            actual=say(
                "a difference of {difference} relative to the largest logit",
                difference=f"{parity.largest_difference:.2g}",
            ),
            expected=say("at most {tolerance}", tolerance=f"{TOLERANCE:.0e}"),
            remedy=say("report this with the output of pupila doctor; the checkpoints of the run are kept"),
        )
    return parity


def attach_head(encoder: bytes, head: nn.Module) -> bytes:
    """Attach a head to an exported encoder: outputs `logits` and `embedding`.

    Exporting again takes seconds and gives the same graph; a head of linear layers and ReLU is two nodes a layer.

    Args:
        encoder: an ONNX file with the output `embedding` (N, size).
        head: linear layers, ReLU and dropout (which does nothing here), alone or in a Sequential.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(encoder)
    layers = list(head) if isinstance(head, nn.Sequential) else [head]
    layers = [layer for layer in layers if not isinstance(layer, nn.Dropout)]
    name = "embedding"
    for number, layer in enumerate(layers):
        after = "logits" if number == len(layers) - 1 else f"head_{number}"
        if isinstance(layer, nn.Linear):
            for part in ("weight", "bias"):
                values = getattr(layer, part).detach().cpu().numpy()
                model.graph.initializer.append(numpy_helper.from_array(values, f"head_{number}_{part}"))
            inputs = [name, f"head_{number}_weight", f"head_{number}_bias"]
            model.graph.node.append(helper.make_node("Gemm", inputs, [after], transB=1))
        elif isinstance(layer, nn.ReLU):
            model.graph.node.append(helper.make_node("Relu", [name], [after]))
        else:
            raise AssertionError(f"a head with {type(layer).__name__} can't be added")
        name = after
    classes = [layer for layer in layers if isinstance(layer, nn.Linear)][-1].out_features
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
    model.graph.output.insert(0, logits)
    content: bytes = model.SerializeToString()
    return content


def split_maps(encoder: bytes, shapes: tuple[Shape, ...]) -> bytes:
    """Split the flat output of an exported promptable encoder into its feature maps.

    Args:
        encoder: an ONNX file with the output `embedding` (N, size).
        shapes: (C, h, w) of the maps, one after the other.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(encoder)
    graph, names = model.graph, MAPS[: len(shapes)]
    for node in graph.node:  # frees the name for the split maps
        for place, name in enumerate(node.output):
            if name == MAPS[0]:
                node.output[place] = "flat"
    sizes = np.array([math.prod(shape) for shape in shapes], np.int64)
    graph.initializer.append(numpy_helper.from_array(sizes, "map_sizes"))
    parts = [f"flat_{name}" for name in names]
    graph.node.append(helper.make_node("Split", ["flat", "map_sizes"], parts, axis=1))
    del graph.output[:]
    for name, part, shape in zip(names, parts, shapes, strict=True):
        graph.initializer.append(numpy_helper.from_array(np.array([-1, *shape], np.int64), f"{name}_shape"))
        graph.node.append(helper.make_node("Reshape", [part, f"{name}_shape"], [name]))
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]))
    content: bytes = model.SerializeToString()
    return content


def encode_weights(network: Network) -> bytes:
    """All tensors of encoder and head as a safetensors file."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, module in (("encoder", network.encoder), ("head", network.head))
        for name, tensor in module.state_dict().items()
    }
    return save(tensors)
