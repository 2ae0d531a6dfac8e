"""Static quantisation: weights and activations become whole numbers of 8 bits, with scales from calibration images.

ONNX Runtime's QDQ form (Jacob et al. 2018, arXiv:1712.05877): the graph keeps float32 at its input and outputs, and
each processor that has instructions for it computes between in 8 bits.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pupila.artifacts.bundle.outputs import LOGITS
from pupila.imaging.images.decode import Array

_INPUT = "pixels"


def quantise(model: bytes, inputs: Iterable[Array], per_channel: bool, reduced: bool) -> bytes:
    """An ONNX file of Pupila's in int8, with the metadata of the float one; a last linear layer stays as it is.

    The weights of a head that standardises its features are large and cancel, which 8 bits can't, and it takes no time.

    Args:
        model: ONNX file with the input `pixels`.
        inputs: (1, 3, H, W) float32 of calibration images.
        per_channel: a scale for each channel of a weight, or one for the tensor.
        reduced: 7 bits for weights, so that processors without VNNI do not overflow.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = iter(inputs)

    class Reader:
        """The calibration inputs, one by one, as ONNX Runtime asks for them."""

        def get_next(self) -> dict[str, Array] | None:
            pixels = next(given, None)
            return None if pixels is None else {_INPUT: pixels}

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, quantised = (
            str(Path(folder, f"{name}.onnx")) for name in ("plain", "prepared", "quantised")
        )
        Path(plain).write_bytes(model)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        graph = onnx.load(prepared)
        linear = _find_last_linear(graph.graph)
        onnx.save(graph, prepared)
        quantize_static(
            prepared, quantised, Reader(), nodes_to_exclude=linear, quant_format=QuantFormat.QDQ,
            per_channel=per_channel, reduce_range=reduced,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
        result = onnx.load(quantised)
    _remove_zero_points(result.graph)
    described = onnx.load_model_from_string(model)
    del result.metadata_props[:]
    result.metadata_props.extend(described.metadata_props)
    content: bytes = result.SerializeToString()
    return content


def _find_last_linear(graph: Any) -> list[str]:
    """Names, which each node gets, from the last linear layers to the logits; none where these are convolutions."""
    producers = {name: node for node in graph.node for name in node.output}
    names, pending, is_linear = set(), [LOGITS], False
    while pending:
        node = producers.get(pending.pop())
        if node is None or node.op_type == "Conv":
            continue
        node.name = node.name or f"to_{node.output[0]}"
        names.add(node.name)
        if node.op_type in ("Gemm", "MatMul"):
            is_linear = True
        else:
            pending += node.input
    return sorted(names) if is_linear else []


def _remove_zero_points(graph: Any) -> None:
    """Leave out zero points that are 0 for all channels, which is their default: 4 % of a file."""
    from onnx import TensorProto, numpy_helper

    signed = [each for each in graph.initializer if each.data_type in (TensorProto.INT8, TensorProto.INT32)]
    zeros = {each.name for each in signed if not numpy_helper.to_array(each).any()}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[2:] and node.input[2] in zeros:
            del node.input[2]
    read = {name for node in graph.node for name in node.input}
    left = [each for each in graph.initializer if each.name in read or each.name not in zeros]
    del graph.initializer[:]
    graph.initializer.extend(left)
