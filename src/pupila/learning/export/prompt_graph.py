"""The two ONNX graphs of a promptable model."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pupila.artifacts.bundle.outputs import EMBEDDING
from pupila.learning.export.graph import export_graph
from pupila.learning.models.prompt_head import DecoderPart, PromptHead, Shape

MAPS = [EMBEDDING, "finest", "finer"]  # outputs of a promptable encoder; only SAM 2 has the last two


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
    return export_graph(DecoderPart(head), example, free, ["masks", "predicted_iou"])


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
