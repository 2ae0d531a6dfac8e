"""Graphs that become a mean: by hand, equal to averaging outside, and with what is shared stored and computed once."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from pupila.artifacts.bundle.session import Session
from pupila.imaging.images.flips import FLIP_AXES
from pupila.learning.export.average import average_flips, average_graphs
from pupila.learning.export.heads import head_to_onnx
from pupila.learning.models import served

SIDE = 4
FEATURES = np.random.default_rng(0).standard_normal((5, 3), dtype=np.float32)


def head(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def count_layers(content: bytes) -> int:
    return sum(node.op_type == "Gemm" for node in onnx.load_model_from_string(content).graph.node)


def test_the_mean_of_two_graphs_by_hand() -> None:
    layers = [nn.Linear(3, 1), nn.Linear(3, 1)]
    for layer, factor in zip(layers, (1.0, 4.0), strict=True):
        nn.init.constant_(layer.weight, factor)
        nn.init.zeros_(layer.bias)
    joined = Session(average_graphs([head_to_onnx(layer, 3) for layer in layers]))
    assert joined.inputs == ["features"] and joined.outputs == ["logits", "embedding"]
    logits, embedding = joined.run(np.ones((2, 3), np.float32))  # sums of 3 and of 12
    assert logits.tolist() == [[7.5], [7.5]] and embedding.tolist() == [[1.0] * 3] * 2


def test_members_with_one_frozen_layer_store_and_compute_it_once() -> None:
    first, second = head(0), head(1)
    second[0].load_state_dict(first[0].state_dict())
    alone = [head_to_onnx(part, 3) for part in (first, second)]
    joined = average_graphs(alone)
    assert [*map(count_layers, alone), count_layers(joined)] == [2, 2, 3]
    tensors = [tensor.name for tensor in onnx.load_model_from_string(joined).graph.initializer]
    assert len(tensors) == 6  # weight and bias of each of the three layers
    expected = np.mean([Session(content).run(FEATURES)[0] for content in alone], axis=0)
    assert Session(joined).run(FEATURES)[0] == pytest.approx(expected, abs=1e-6)


def test_equal_graphs_are_one() -> None:
    alone = head_to_onnx(head(0), 3)
    assert average_graphs([alone]) == alone
    same = average_graphs([alone] * 3)
    assert count_layers(same) == 2
    assert Session(same).run(FEATURES)[0] == pytest.approx(Session(alone).run(FEATURES)[0], abs=1e-6)


def make_lopsided_graph() -> bytes:
    """A graph with the map 1 + 2x, weighted by place, as `logits`, and the sum of the map's first column."""
    ramp = np.arange(1, 1 + SIDE * SIDE, dtype=np.float32).reshape(1, 1, SIDE, SIDE)
    tensors = [
        onnx.numpy_helper.from_array(ramp, "ramp"),
        onnx.numpy_helper.from_array(np.array([0], np.int64), "first"),
        onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Mul", ["pixels", "ramp"], ["logits"]),
        helper.make_node("Gather", ["logits", "first"], ["column"], axis=3),
        helper.make_node("ReduceSum", ["column", "axes"], ["embedding"], keepdims=0),
    ]
    pixels, logits, embedding = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, *shape])
        for name, shape in (("pixels", [SIDE, SIDE]), ("logits", [SIDE, SIDE]), ("embedding", []))
    )
    graph = helper.make_graph(nodes, "lopsided", [pixels], [logits, embedding], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


class Lopsided(nn.Module):
    """The same in torch."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = pixels * torch.arange(1.0, 1 + SIDE * SIDE).reshape(1, 1, SIDE, SIDE)
        return logits, logits[..., 0].sum(dim=2)


def test_a_flip_by_hand() -> None:
    # A row of the ramp is 1 2 3 4, and turned back 4 3 2 1: their mean is 2.5 everywhere.
    pixels = np.ones((1, 3, SIDE, SIDE), np.float32)
    logits, embedding = Session(average_flips(make_lopsided_graph(), "horizontal")).run(pixels)
    assert logits[0, 0].tolist() == [[2.5] * 4, [6.5] * 4, [10.5] * 4, [14.5] * 4]
    assert embedding.tolist() == [[1 + 5 + 9 + 13] * 3]  # of ones: the same for the flip
    assert (Session(average_flips(make_lopsided_graph(), "both")).run(pixels)[0] == 8.5).all()


@pytest.mark.parametrize("flips", ["none", "horizontal", "both"])
def test_flips_in_the_graph_equal_flips_outside(flips: str) -> None:
    pixels = np.random.default_rng(1).standard_normal((3, 3, SIDE, SIDE), dtype=np.float32)
    plain, graph = Session(make_lopsided_graph()), average_flips(make_lopsided_graph(), flips)
    outside: list[list[Any]] = [[], []]
    for axes in FLIP_AXES[flips]:
        logits, embedding = plain.run(np.ascontiguousarray(np.flip(pixels, axes)))
        outside[0].append(np.flip(logits, axes))
        outside[1].append(embedding)
    with torch.inference_mode():
        torchs = served.average_flips(Lopsided(), torch.from_numpy(pixels), flips)
    session = Session(graph)
    assert session.inputs == ["pixels"] and session.outputs == ["logits", "embedding"]
    for ours, theirs, several in zip(session.run(pixels), torchs, outside, strict=True):
        assert ours == pytest.approx(np.mean(several, axis=0), abs=1e-5)
        assert theirs.numpy() == pytest.approx(ours, abs=1e-5)
