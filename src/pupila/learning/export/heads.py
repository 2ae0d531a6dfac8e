"""Attach a head to an exported encoder: exporting again takes seconds and gives the same graph."""

from typing import Any

from torch import nn

from pupila.artifacts.bundle.outputs import EMBEDDING, LOGITS
from pupila.learning.export.graph import OPSET

_IR_VERSION = 10  # of the file format, which torch writes, too; ONNX Runtime reads no newer one than its own


def attach_head(encoder: bytes, head: nn.Module) -> bytes:
    """The encoder with the output `logits` before its own.

    Args:
        encoder: an ONNX file with the output `embedding` (N, size).
        head: linear layers, ReLU and dropout (which does nothing here), alone or in a Sequential.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(encoder)
    layers = [layer for layer in _layers(head) if not isinstance(layer, nn.Dropout)]
    name = EMBEDDING
    for number, layer in enumerate(layers):
        after = LOGITS if number == len(layers) - 1 else f"head_{number}"
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
    logits = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", classes])
    model.graph.output.insert(0, logits)
    content: bytes = model.SerializeToString()
    return content


def head_to_onnx(head: nn.Module, size: int) -> bytes:
    """A head alone, as `attach_head` writes it: embeddings (N, size) to logits."""
    from onnx import TensorProto, helper

    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", size])
    embedding = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", size])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["features"], [EMBEDDING])], "head", [features], [embedding]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    return attach_head(model.SerializeToString(), head)


def _layers(head: nn.Module) -> list[Any]:
    return list(head) if isinstance(head, nn.Sequential) else [head]
