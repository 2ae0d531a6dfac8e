"""ONNX files that no export writes are refused before ONNX Runtime opens them, and a run that takes too long ends."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pupila.artifacts.bundle import session as session_module
from pupila.artifacts.bundle.graph_check import check_graph
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from tests.colours import colour_model, painted_model, pointing_models

INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT


def model(
    nodes: list[onnx.NodeProto], constants: dict[str, Any] | None = None, domains: tuple[str, ...] = ("",)
) -> onnx.ModelProto:
    """A model from `x` (1,) float to `y`."""
    graph = helper.make_graph(
        nodes, "attack",
        [helper.make_tensor_value_info("x", FLOAT, [1])], [helper.make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )  # fmt: skip
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid(domain, 20) for domain in domains], ir_version=10
    )


def endless_loop() -> onnx.ModelProto:
    """A loop of 2^62 rounds that doubles nothing."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Neg", ["a"], ["b"])], "body",
        [info("round", INT64, []), info("go", TensorProto.BOOL, []), info("a", FLOAT, [1])],
        [info("on", TensorProto.BOOL, []), info("b", FLOAT, [1])],
    )  # fmt: skip
    node = helper.make_node("Loop", ["most", "", "x"], ["y"], body=body)
    return model([node], {"most": np.array(2**62)})


def far_away() -> onnx.ModelProto:
    """Weights in another file."""
    attack = model([helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.ones(1, np.float32)})
    tensor = attack.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../../../etc/passwd"), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return attack


def with_shape(**values: Any) -> onnx.ModelProto:
    """A tensor with another shape than its four bytes have."""
    attack = model([helper.make_node("Add", ["x", "w"], ["y"])], {"w": np.ones(1, np.float32)})
    tensor = attack.graph.initializer[0]
    del tensor.dims[:]
    tensor.dims.extend(values["dims"])
    return attack


def branch() -> onnx.ModelProto:
    """A node of another name with a graph in an attribute."""
    node = helper.make_node("Identity", ["x"], ["y"], body=endless_loop().graph)
    return model([node])


def with_function() -> onnx.ModelProto:
    attack = model([helper.make_node("Neg", ["x"], ["y"])])
    attack.functions.append(helper.make_function(
        "own", "f", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 20)]
    ))  # fmt: skip
    return attack


def sparse() -> onnx.ModelProto:
    attack = model([helper.make_node("Neg", ["x"], ["y"])])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    attack.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2**40]))
    return attack


HUGE = np.array([2**20, 2**20])
ATTACKS = {
    "loop": (endless_loop(), "the operator Loop, which can run for ever"),
    "subgraph": (branch(), "the operator Identity, which can run for ever"),
    "external": (far_away(), "a tensor in another file"),
    "large shape": (with_shape(dims=[2**31, 2**31]), "another shape than its values"),
    "negative shape": (with_shape(dims=[-1]), "another shape than its values"),
    "function": (with_function(), "functions of its own"),
    "sparse": (sparse(), "sparse tensors"),
    "plugin": (model([helper.make_node("Own", ["x"], ["y"], domain="evil\x1b")], domains=("", "evil")),
               r"an operator of evil\\x1b"),
    "runtime's own": (model([helper.make_node("BeamSearch", ["x"], ["y"], domain="com.microsoft")]), "com.microsoft"),
    "expand": (model([helper.make_node("Expand", ["x", "s"], ["y"])], {"s": HUGE}), "Expand with a huge output"),
    "fill": (model([helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(HUGE)),
                    helper.make_node("ConstantOfShape", ["s"], ["y"])]), "ConstantOfShape with a huge output"),
    "random": (model([helper.make_node("RandomNormal", [], ["y"], shape=[2**40])]), "RandomNormal with a huge output"),
    "pad": (model([helper.make_node("Pad", ["x", "s"], ["y"])], {"s": HUGE}), "Pad with a huge output"),
    "range": (model([helper.make_node("Range", ["a", "b", "c"], ["r"]), helper.make_node("Neg", ["x"], ["y"])],
                    {"a": np.array(0), "b": np.array(2**40), "c": np.array(1)}), "Range with a huge output"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_what_no_export_writes_is_refused(name: str) -> None:
    attack, says = ATTACKS[name]
    with pytest.raises(PupilaError, match=says):
        check_graph(attack.SerializeToString())


@pytest.mark.parametrize("content", [colour_model(), painted_model(), *pointing_models().values()])
def test_a_file_that_ends_early_is_refused_and_a_whole_one_is_not(content: bytes) -> None:
    check_graph(content)
    refused = 0
    for end in range(1, len(content), max(1, len(content) // 60)):
        with pytest.raises(PupilaError):
            Session(content[:end])
        refused += 1
    assert refused >= 50


def test_a_run_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of 2^62 rounds, should one ever pass the check."""
    monkeypatch.setattr(session_module, "check_graph", lambda content: None)
    endless = Session(endless_loop().SerializeToString(), threads=1)
    monkeypatch.setattr(session_module, "LONGEST", 0.05)
    with pytest.raises(PupilaError, match=r"takes too long: found no end after 0\.05 s"):
        endless.run(np.ones(1, np.float32), bounded=True)


def test_a_model_with_other_inputs_is_refused() -> None:
    two = model([helper.make_node("Neg", ["x"], ["y"])])
    two.graph.input.append(helper.make_tensor_value_info("z", FLOAT, [1]))
    with pytest.raises(PupilaError, match=re.escape("2 inputs: x, z; expected 1 input")):
        Session(two.SerializeToString()).run(np.ones(1, np.float32))


def test_a_model_that_fails_on_its_inputs_is_refused() -> None:
    session = Session(model([helper.make_node("Neg", ["x"], ["y"])]).SerializeToString())
    for wrong in (np.ones(1, np.float64), np.ones((2, 2), np.float32)):
        with pytest.raises(PupilaError, match="The model can't be run"):
            session.run(wrong)


def test_the_check_reads_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PupilaError, match="a tensor in another file"):
        Session(far_away().SerializeToString())
