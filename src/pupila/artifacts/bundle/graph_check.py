"""Refuse ONNX files that no export writes and that could run for ever, fill the memory or read other files.

ONNX Runtime opens what it is given: operators of plugins, subgraphs that loop, tensors in other files. This looks at
the bytes before it does, without the library `onnx`, and skips the weights: a file of any size takes milliseconds.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any

from pupila.core.errors import PupilaError
from pupila.core.messages import integer, say

MAX_BYTES = 2_147_483_647  # a protobuf message can't be larger
MAX_ELEMENTS = 2**28  # of a tensor that a node makes of constants alone; 1 GB of float32
_DOMAINS = (b"", b"ai.onnx")
_LOOPS = (b"Loop", b"Scan", b"If", b"SequenceMap")
# Operators whose output can be larger than what goes in, and the inputs and attributes that say by how much.
_GROWING = {
    b"ConstantOfShape": (0,), b"Expand": (1,), b"Tile": (1,), b"Pad": (1,), b"Resize": (2, 3), b"Upsample": (1,),
    b"OneHot": (1,), b"Range": (0, 1, 2), b"MaxUnpool": (2,), b"CenterCropPad": (1,),
}  # fmt: skip
_SIZES = (
    b"pads",
    b"shape",
    b"output_shape",
    b"strides",
    b"output_padding",
    b"kernel_shape",
    b"dilations",
    b"repeats",
)
# Fields of the messages in onnx.proto3, by number.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS, _ATTRIBUTE_TENSORS = 1, 5, 8, 10
_ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (6, 11), (22, 23)
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_INT64, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 7, 8, 9
_TENSOR_DATA, _TENSOR_EXTERNAL, _TENSOR_LOCATION = (4, 5, 6, 7, 9, 10, 11), 13, 14
_FLOAT, _INT64 = 1, 7  # types of tensors
_MOST_READ = 64  # numbers of a constant that says a size

_Field = tuple[int, Any]  # number; an int, or the bytes as a memoryview


def check_graph(content: bytes) -> None:
    """Refuse what no export writes.

    Raises:
        PupilaError: not an ONNX file, or one with subgraphs, functions, other operators or external tensors.
    """
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(say("more than {n} bytes", n=integer(MAX_BYTES)))
        for number, value in _fields(memoryview(content)):
            if number == _MODEL_FUNCTIONS:
                raise ValueError(say("functions of its own"))
            if number == _MODEL_GRAPH:
                _check_nodes(value)
    except (ValueError, IndexError, TypeError, struct.error) as fault:
        raise PupilaError(
            say("Can't read the model"), actual=str(fault) or type(fault).__name__,
            expected=say("a valid ONNX model as training exports it"),
        ) from fault  # fmt: skip


def _fields(view: memoryview) -> Iterator[_Field]:
    """The fields of a protobuf message; the wire types of groups are refused, as protobuf 3 has none."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, at = _varint(view, at)
            if at + length > end:
                raise ValueError(say("a file that ends too early"))
            yield number, view[at : at + length]
            at += length
        elif kind == 0:
            value, at = _varint(view, at)
            yield number, value
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            if at + size > end:
                raise ValueError(say("a file that ends too early"))
            yield number, view[at : at + size]
            at += size
        else:
            raise ValueError(say("no ONNX file"))


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    value = view[at]
    at += 1
    if value < 128:
        return value, at
    value &= 127
    for shift in range(7, 70, 7):
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError(say("no ONNX file"))


def _integers(value: Any) -> list[int]:
    """The numbers of a field that may be packed, signed."""
    if isinstance(value, int):
        return [_to_signed(value)]
    numbers, at = list[int](), 0
    while at < len(value) and len(numbers) <= _MOST_READ:
        number, at = _varint(value, at)
        numbers.append(_to_signed(number))
    return numbers


def _to_signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _check_nodes(graph: memoryview) -> None:
    sizes: dict[bytes, list[float]] = {}  # constants that may say a size
    nodes = []
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            nodes.append(value)
        elif number == _GRAPH_INITIALIZER:
            name, numbers = _check_tensor(value)
            if numbers:
                sizes[name] = numbers
        elif number == _GRAPH_SPARSE:
            raise ValueError(say("sparse tensors"))
    growing = []
    for node in nodes:
        kind, inputs, constant = _check_node(node)
        if constant:
            sizes.update(constant)
        if kind in _GROWING:
            growing.append((kind, inputs))
    for kind, inputs in growing:
        for place in _GROWING[kind]:
            if place < len(inputs):
                _check_size(kind, sizes.get(inputs[place], []))


def _check_node(node: memoryview) -> tuple[bytes, list[bytes], dict[bytes, list[float]]]:
    """The operator of a node, the names of its inputs, and its value by name where it is a constant.

    Raises:
        ValueError: an operator of a plugin, one that runs others, or one with a tensor that can't be.
    """
    inputs, outputs, kind = list[bytes](), list[bytes](), b""
    attributes = list[memoryview]()
    for number, value in _fields(node):
        if number == _NODE_INPUT:
            inputs.append(bytes(value))
        elif number == _NODE_OUTPUT:
            outputs.append(bytes(value))
        elif number == _NODE_TYPE:
            kind = bytes(value)
        elif number == _NODE_ATTRIBUTE:
            attributes.append(value)
        elif number == _NODE_DOMAIN and bytes(value) not in _DOMAINS:
            raise ValueError(say("an operator of {domain}", domain=_text(value)))
    if kind in _LOOPS:
        raise ValueError(say("the operator {name}, which can run for ever", name=_text(kind)))
    constant: dict[bytes, list[float]] = {}
    for attribute in attributes:
        numbers = _check_attribute(kind, attribute)
        if numbers and kind == b"Constant" and outputs:
            constant[outputs[0]] = numbers
    return kind, inputs, constant


def _check_attribute(kind: bytes, attribute: memoryview) -> list[float]:
    """The numbers of an attribute that may say a size; none of another one."""
    name, numbers = b"", list[float]()
    for number, value in _fields(attribute):
        if number == _ATTRIBUTE_NAME:
            name = bytes(value)
        elif number in _ATTRIBUTE_GRAPHS:
            raise ValueError(say("the operator {name}, which can run for ever", name=_text(kind)))
        elif number in _ATTRIBUTE_SPARSE:
            raise ValueError(say("sparse tensors"))
        elif number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            numbers = _check_tensor(value)[1]
        elif number == _ATTRIBUTE_INTS:
            numbers += _integers(value)
    if name in _SIZES:
        _check_size(kind, numbers)
    return numbers


def _check_size(kind: bytes, numbers: list[float]) -> None:
    if math.prod(1 + abs(number) for number in numbers if math.isfinite(number)) > MAX_ELEMENTS * 2.0 ** len(
        numbers
    ):
        raise ValueError(say("the operator {name} with a huge output", name=_text(kind)))


def _check_tensor(tensor: memoryview) -> tuple[bytes, list[float]]:
    """The name of a tensor, and its numbers where it is small.

    Raises:
        ValueError: its values lie in another file, or are fewer than its shape has.
    """
    name, dims, kind, stored = b"", list[int](), 0, 0
    raw, integers = b"", list[int]()
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value):
            raise ValueError(say("a tensor in another file"))
        if number == _TENSOR_DIMS:
            dims += _integers(value)
        elif number == _TENSOR_TYPE:
            kind = value
        elif number == _TENSOR_NAME:
            name = bytes(value)
        elif number in _TENSOR_DATA:
            stored += 8 if isinstance(value, int) else max(len(value), 1)
            if number == _TENSOR_RAW and len(value) <= 8 * _MOST_READ:
                raw = bytes(value)
            elif number == _TENSOR_INT64 and len(integers) <= _MOST_READ:
                integers += _integers(value)
    if len(dims) > _MOST_READ or min(dims, default=0) < 0 or math.prod(dims) > 2 * stored:
        raise ValueError(say("a tensor with another shape than its values have"))
    if raw and kind == _INT64:
        return name, list(struct.unpack(f"<{len(raw) // 8}q", raw[: len(raw) // 8 * 8]))
    if raw and kind == _FLOAT:
        return name, list(struct.unpack(f"<{len(raw) // 4}f", raw[: len(raw) // 4 * 4]))
    return name, list(map(float, integers))


def _text(name: Any) -> str:
    return ascii(bytes(name)[:80].decode("utf-8", "replace"))[1:-1]
