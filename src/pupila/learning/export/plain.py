"""Write an exported graph with the plain nodes that other software reads, and without traces of this machine."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class PlainPooling(TorchFunctionMode):
    """While it is active, adaptive pooling is a mean, a pooling with a kernel, or the means of parts.

    torch's own pooling to one pixel also sets the strides of its result where the memory is in channels-last order, as
    after training, and pooling to a size that does not divide the input's gathers pixels by their addresses. In ONNX
    both become a dozen nodes with the same numbers, which OpenCV 4 refuses and OpenCV 5 computes wrongly.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Any function of torch; all others do what they do."""
        keywords: dict[str, Any] = kwargs or {}
        if func is not nn.functional.adaptive_avg_pool2d:
            return func(*args, **keywords)
        pixels, size = list(args) + list(keywords.values())
        sizes = [size, size] if isinstance(size, int) else list(size)
        return _pool(pixels, *(side or given for side, given in zip(sizes, pixels.shape[-2:], strict=True)))


def _pool(pixels: Tensor, height: int, width: int) -> Tensor:
    """Adaptive average pooling of (N, C, H, W) to (N, C, height, width)."""
    if (height, width) == (1, 1):
        return pixels.mean(dim=(-2, -1), keepdim=True)
    rows, columns = pixels.shape[-2:]
    if rows % height == 0 and columns % width == 0:
        return nn.functional.avg_pool2d(pixels, (rows // height, columns // width))
    return _average_parts(_average_parts(pixels, -1, width), -2, height)


def _average_parts(pixels: Tensor, axis: int, count: int) -> Tensor:
    """The means of so many parts along an axis, which overlap where their number does not divide its size."""
    size = pixels.shape[axis]
    edges = [(size * place // count, -(-size * (place + 1) // count)) for place in range(count)]
    parts = [pixels.narrow(axis, start, end - start).mean(dim=axis, keepdim=True) for start, end in edges]
    return torch.cat(parts, dim=axis)


def simplify(model: Any) -> None:
    """Replace nodes of an ONNX model by plainer ones with the same results, in place.

    - A Reshape from (N, C, ...) to (N, everything) becomes a Flatten. Tools that prune, quantise or differentiate a
      graph follow it from the channels to the features, and stop at a Reshape, whose target is a constant.
    - A Resize to sizes that are computed becomes one by constant factors. OpenCV 4 reads no other.
    - A HardSigmoid becomes its arithmetic: OpenCV ignores its factors, and predicts something else without a word.
    - Nodes and constants that nothing uses any more go, and so do the notes of the exporter on every node: places
      in source files, with the folders of this machine.
    """
    graph = model.graph
    _spell_out_hard_sigmoids(graph)
    known = {value.name: _dimensions(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    for node in graph.node:
        if node.op_type in _PLAINER:
            _PLAINER[node.op_type](graph, node, known.get(node.input[0], []), known.get(node.output[0], []))
    _remove_unused(graph)
    for part in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        del part.metadata_props[:]
        part.doc_string = ""


def _flatten(graph: Any, node: Any, before: list[Any], after: list[Any]) -> None:
    from onnx import helper

    if len(before) < 3 or len(after) != 2 or before[0] != after[0] or not isinstance(before[0], str):
        return
    if all(isinstance(size, int) for size in before[1:]) and math.prod(before[1:]) == after[1]:
        node.CopyFrom(helper.make_node("Flatten", [node.input[0]], list(node.output), name=node.name, axis=1))


def _scale(graph: Any, node: Any, before: list[Any], after: list[Any]) -> None:
    from onnx import numpy_helper

    sizes = [*before[2:], *after[2:]]
    if len(node.input) < 4 or not node.input[3] or len(before) != 4 or before[:2] != after[:2]:
        return
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        return
    factors = np.array([1, 1, after[2] / before[2], after[3] / before[3]], np.float32)
    if [
        math.floor(size * float(factor)) for size, factor in zip(before[2:], factors[2:], strict=True)
    ] != after[2:]:
        return  # rounding would make the result a pixel smaller
    name = f"{node.output[0]}_factors"
    graph.initializer.append(numpy_helper.from_array(factors, name))
    inputs = [node.input[0], "", name]
    del node.input[:]
    node.input.extend(inputs)


# Kind of node -> what replaces it in the graph, where its input and output have sizes that allow it.
_PLAINER: dict[str, Callable[[Any, Any, list[Any], list[Any]], None]] = {
    "Reshape": _flatten,
    "Resize": _scale,
}


def _spell_out_hard_sigmoids(graph: Any) -> None:
    """max(0, min(1, alpha * x + beta))."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in graph.node:
        if node.op_type != "HardSigmoid":
            nodes.append(node)
            continue
        given = {entry.name: entry.f for entry in node.attribute}
        values = {"alpha": given.get("alpha", 0.2), "beta": given.get("beta", 0.5), "least": 0.0, "most": 1.0}
        names = {name: f"{node.output[0]}_{name}" for name in values}
        for name, value in values.items():
            graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), names[name]))
        scaled, shifted = f"{node.output[0]}_scaled", f"{node.output[0]}_shifted"
        nodes += [
            helper.make_node("Mul", [node.input[0], names["alpha"]], [scaled]),
            helper.make_node("Add", [scaled, names["beta"]], [shifted]),
            helper.make_node("Clip", [shifted, names["least"], names["most"]], list(node.output)),
        ]
    del graph.node[:]
    graph.node.extend(nodes)


def _remove_unused(graph: Any) -> None:
    """Remove nodes and constants whose results reach no output; nodes come after those that they use."""
    used, needed = {value.name for value in graph.output}, []
    for node in reversed(graph.node):
        if used & set(node.output):
            needed.append(node)
            used |= set(node.input)
    for entries, left in (
        (graph.node, needed[::-1]),
        (graph.initializer, [tensor for tensor in graph.initializer if tensor.name in used]),
    ):
        del entries[:]
        entries.extend(left)
    outputs = {name for node in graph.node for name in node.output}
    described = [value for value in graph.value_info if value.name in outputs]
    del graph.value_info[:]
    graph.value_info.extend(described)


def _dimensions(value: Any) -> list[Any]:
    """Sizes: whole numbers, or the names of free axes."""
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
