"""Exported graphs become one whose outputs are a mean: over the members of an ensemble, or over flips of the input.

The feature maps of members stand side by side, for no channel of one is a channel of another.
"""

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from pupila.artifacts.bundle.outputs import FEATURE_MAP
from pupila.core import files
from pupila.imaging.images.flips import FLIP_AXES


def average_graphs(graphs: Sequence[bytes]) -> bytes:
    """One ONNX file for networks that run on the same input.

    Equal tensors and equal steps, such as those of frozen blocks, are stored and computed once.

    Args:
        graphs: ONNX files with the same inputs and outputs.
    """
    if len(graphs) == 1:
        return graphs[0]
    import onnx
    from onnx import helper

    joined, *others = [onnx.load_model_from_string(content) for content in graphs]
    inputs = {node.name for node in joined.graph.input}
    del joined.graph.value_info[:]
    for number, model in enumerate([joined, *others]):
        _rename(model.graph, f"member{number}/", inputs)
        if number:
            joined.graph.initializer.extend(model.graph.initializer)
            joined.graph.node.extend(model.graph.node)
    shared = _share_equals(joined.graph)
    for output in joined.graph.output:
        parts = [f"member{number}/{output.name}" for number in range(len(graphs))]
        own = [shared.get(part, part) for part in parts]
        if output.name == FEATURE_MAP:
            joined.graph.node.append(helper.make_node("Concat", own, [FEATURE_MAP], axis=1))
            output.type.tensor_type.shape.dim[1].dim_value *= len(graphs)
        else:
            joined.graph.node.append(helper.make_node("Mean", own, [output.name]))
    content: bytes = joined.SerializeToString()
    return content


def average_flips(graph: bytes, flips: str) -> bytes:
    """The ONNX file with each output as the mean over its input and its flips; maps (N, C, h, w) are flipped back.

    Args:
        graph: an ONNX file with one input (N, 3, H, W).
        flips: a name of `FLIP_AXES`.
    """
    passes = FLIP_AXES[flips]
    if len(passes) == 1:
        return graph
    import onnx
    from onnx import helper

    model = onnx.load_model_from_string(graph)
    pixels = model.graph.input[0].name
    del model.graph.value_info[:]
    _rename(model.graph, "flips/", set())
    turned, before = zip(*(_flip(model.graph, pixels, axes) for axes in passes), strict=True)
    batch = helper.make_node("Concat", turned, [f"flips/{pixels}"], axis=0)
    nodes = [*chain.from_iterable(before), batch, *model.graph.node]
    for output in model.graph.output:
        has_places = len(output.type.tensor_type.shape.dim) == 4
        parts = [f"{output.name}/{number}" for number in range(len(passes))]
        nodes.append(
            helper.make_node("Split", [f"flips/{output.name}"], parts, axis=0, num_outputs=len(parts))
        )
        back, after = zip(
            *(
                _flip(model.graph, part, axes if has_places else ())
                for part, axes in zip(parts, passes, strict=True)
            ),
            strict=True,
        )
        nodes += [*chain.from_iterable(after), helper.make_node("Mean", back, [output.name])]
    _replace(model.graph.node, nodes)
    content: bytes = model.SerializeToString()
    return content


def _flip(graph: Any, name: str, axes: tuple[int, ...]) -> tuple[str, list[Any]]:
    """The name of a flipped value, and the nodes that compute it; without axes the value itself."""
    from onnx import helper, numpy_helper

    if not axes:
        return name, []
    flipped, count = f"{name}/flipped{''.join(map(str, axes))}", len(axes)
    ends = np.iinfo(np.int64).min  # before the first place, whatever the length
    slices = {"starts": [-1] * count, "ends": [ends] * count, "axes": [*axes], "steps": [-1] * count}
    for part, values in slices.items():
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), f"{flipped}/{part}"))
    return flipped, [helper.make_node("Slice", [name, *(f"{flipped}/{part}" for part in slices)], [flipped])]


def _rename(graph: Any, prefix: str, inputs: set[str]) -> None:
    """Put a prefix before the name of every value but the inputs; an empty name is an input that is left out."""

    def rename(name: str) -> str:
        return name if name in inputs or not name else f"{prefix}{name}"

    for tensor in graph.initializer:
        tensor.name = rename(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = map(rename, node.input)
        node.output[:] = map(rename, node.output)


def _share_equals(graph: Any) -> dict[str, str]:
    """Leave one of equal tensors, and one of equal nodes with the same inputs.

    Returns:
        The name of each value to that of the one that is left of its equals.
    """
    first: dict[object, list[str]] = {}
    names: dict[str, str] = {}

    def is_new(key: object, values: Sequence[str]) -> bool:
        known = first.setdefault(key, list(values))
        names.update(zip(values, known, strict=True))
        return known == list(values)

    tensors = [tensor for tensor in graph.initializer if is_new(_tensor_key(tensor), [tensor.name])]
    nodes = []
    for node in graph.node:  # in the order of computing
        node.input[:] = [names.get(name, name) for name in node.input]
        attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
        if is_new((node.op_type, node.domain, *node.input, *attributes), node.output):
            nodes.append(node)
    _replace(graph.initializer, tensors)
    _replace(graph.node, nodes)
    return names


def _tensor_key(tensor: Any) -> str:
    """The hash of shape, type and values."""
    name, tensor.name = tensor.name, ""
    key = files.sha256(tensor.SerializeToString())
    tensor.name = name
    return key


def _replace(field: Any, entries: list[Any]) -> None:
    """Replace the entries of a field; those that stay belong to it, so they are copied first."""
    copies = [copy.deepcopy(entry) for entry in entries]
    del field[:]
    field.extend(copies)
