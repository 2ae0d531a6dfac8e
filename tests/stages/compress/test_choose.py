"""Which compressed model is chosen, by hand; times in turns; and int8 itself."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.artifacts.report.compression import CompressedModel, CompressReport, Latency
from pupila.imaging.images.decode import Array
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.stages.compress.choose import choose, find_front
from pupila.stages.compress.int8 import quantise
from pupila.stages.compress.latency import describe_latency, measure_latencies
from pupila.stages.compress.page import compression_page
from pupila.stages.compress.sentences import describe_front, sentences
from pupila.statistics.estimate import Difference
from pupila.statistics.tests import BETTER, EQUIVALENT, NOT_DISTINGUISHABLE, WORSE, reverse
from tests.untrained import draw_network, write_network

RNG = np.random.default_rng(0)


def measured(parent: Array, own: Array, threads: int = 1, batch: int = 1) -> Latency:
    """From seconds that are the same by the clock and of the processor."""
    return describe_latency(np.stack([parent] * 2, axis=1), np.stack([own] * 2, axis=1), threads, batch)


def model(name: str, faster: float, drop: float, verdict: Any = NOT_DISTINGUISHABLE) -> CompressedModel:
    parent = 0.008 * (1 + 0.05 * RNG.random(40))
    latencies = [measured(parent, parent / faster)]
    return CompressedModel(
        name=name, title=name, outcome="possible", bytes=2_000_000, latencies=latencies, verdict=verdict,
        difference=Difference.between(0.9 - drop, 0.9, -drop - 0.03, -drop + 0.03),
    )  # fmt: skip


def outcomes(*models: CompressedModel, metric: str = "accuracy") -> list[str]:
    return [each.outcome for each in choose(models, metric, 0.01)]


def test_the_fastest_that_is_good_enough_is_chosen() -> None:
    assert outcomes(model("a", 2.0, 0.0), model("b", 3.0, 0.005), model("c", 4.0, 0.05)) == [
        "possible",
        "chosen",
        "worse",
    ]


def test_of_equally_fast_models_the_one_that_loses_least_is_chosen() -> None:
    noise = np.exp(0.3 * RNG.standard_normal(40))
    models = [
        model("small", 2.0, 0.005).model_copy(update={"bytes": 1_000_000}),
        model("exact", 2.0, 0.0),
        model("worse", 2.0, 0.005),
    ]
    same = [measured(0.008 * noise, 0.004 * np.ones(40))]
    first, exact, last = choose(
        [each.model_copy(update={"latencies": same}) for each in models], "accuracy", 0.01
    )
    assert exact.outcome == "chosen" and "as fast as the chosen one" in first.reason == last.reason


def test_a_model_of_another_speed_is_not_called_as_fast() -> None:
    spreads = {"first": np.linspace(1.0, 1.2, 40), "last": np.linspace(0.9, 1.08, 40)}
    latencies = {name: [measured(0.008 * spread, 0.004 * np.ones(40))] for name, spread in spreads.items()}
    first, last = (
        model(name, 2.0, 0.0).model_copy(update={"latencies": latencies[name]}) for name in ("first", "last")
    )
    _, other = choose([first, last], "accuracy", 0.01)
    assert "the chosen one" in other.reason and "as fast as the chosen one, which" not in other.reason


def test_the_front_has_what_nothing_else_exceeds() -> None:
    models = [
        model("fast", 3.0, 0.02),
        model("slow", 1.5, 0.02),
        model("good", 2.0, -0.01),
        model("bad", 0.5, 0),
    ]
    front = find_front(report(*models))
    assert [each and each.name for each in front] == ["fast", "good"]  # which is better than the parent, too
    (sentence,) = describe_front(report(*models))
    assert sentence.endswith("as measured: good (2.0 times, +1.0 points); fast (3.0 times, -2.0 points).")
    (sentence,) = describe_front(report(model("fast", 3.0, 0.02)))
    assert sentence.endswith("as measured: the parent; fast (3.0 times, -2.0 points).")
    assert describe_front(report(model("bad", 0.5, 0.0))) == []


def test_models_that_fail_for_the_same_reason_share_a_sentence() -> None:
    texts = sentences(report(model("a", 0.5, 0.3), model("b", 0.6, 0.3)))
    assert texts[1] == "a; b: it loses 30.0 points, and 1.0 are allowed."


def test_what_is_not_faster_is_refused() -> None:
    assert outcomes(model("slow", 0.9, 0.0), model("same", 1.02, -0.05)) == ["not faster", "not faster"]
    noisy = measured(0.008 * np.exp(RNG.standard_normal(40)), 0.007 * np.exp(RNG.standard_normal(40)))
    assert noisy.speed_up.low is not None and noisy.speed_up.low < 1.05
    assert outcomes(model("noisy", 2.0, 0.0).model_copy(update={"latencies": [noisy]})) == ["not faster"]


def test_an_equivalent_model_may_lose_more_than_is_allowed_otherwise() -> None:
    assert outcomes(model("equal", 2.0, 0.012, EQUIVALENT)) == ["chosen"]
    assert outcomes(model("unclear", 2.0, 0.012)) == ["worse"]
    assert outcomes(model("worse", 2.0, 0.012, WORSE)) == ["worse"]


def test_of_a_metric_that_is_better_lower_a_rise_is_a_loss() -> None:
    assert outcomes(model("a", 2.0, -0.05), metric="hamming_loss") == ["worse"]
    assert outcomes(model("a", 2.0, 0.05), metric="hamming_loss") == ["chosen"]


def test_a_difference_and_its_verdict_turn_with_the_order() -> None:
    given = Difference.between(0.8, 0.9, -0.2, 0.05)
    turned = given.reverse()
    assert (turned.first, turned.other, turned.low, turned.high) == (0.9, 0.8, -0.05, 0.2)
    assert turned.reverse() == given and Difference.between(1, 1, None, None).reverse().low is None
    assert [reverse(each) for each in (WORSE, EQUIVALENT)] == ["better", EQUIVALENT]


def test_times_in_turns_have_a_ratio_with_an_interval() -> None:
    slow = np.repeat([0.004, 0.008], 20)  # the machine slowed down for both
    latency = measured(slow, slow / 2, 2, 8)
    assert latency.speed_up.value == 2.0 and latency.p50 == pytest.approx(0.003) and latency.p95 == 0.004
    assert latency.speed_up.low is not None and latency.speed_up.low <= 2.0


def test_what_runs_beside_a_model_makes_no_other_one_faster() -> None:
    processor = np.full(40, 0.008)
    parent = np.stack(
        [np.repeat([0.009, 0.050], 20)[::-1], processor], axis=1
    )  # interrupted in half of the rounds
    own = np.stack([np.full(40, 0.005), processor / 2], axis=1)
    assert describe_latency(parent, own, 1, 1).speed_up.value == 2.0
    assert (describe_latency(parent, own, 2, 1).speed_up.value or 0) > 5


def report(*models: CompressedModel) -> CompressReport:
    return CompressReport(
        parent="insects", version="0" * 64, bytes=8_000_000, latencies=models[0].latencies, metric="accuracy",
        split="validation", images=153, groups=150, max_drop=0.01, calibration_images=100, cpu_features=["AVX2"],
        models=choose(models, "accuracy", 0.01),
    )  # fmt: skip


def test_the_summary_says_what_was_gained_lost_and_refused() -> None:
    first, second, *others = sentences(report(model("int8", 2.0, 0.007), model("tensor", 3.0, 0.2)))
    assert (
        first == "int8: 2.0 times as fast (95 % CI 2.0 to 2.0), 4.0 times smaller; accuracy -0.7 points "
        "(95 % CI -3.7 to +2.3), n = 153."
    )
    assert "153 images are too few to show equivalence" in second and "1.0 points" in second
    assert others[0] == "tensor: it loses 20.0 points, and 1.0 are allowed."
    (nothing, *_) = sentences(report(model("slow", 0.5, 0.0)))
    assert nothing.startswith("Nothing was gained")
    assert "equivalent" in sentences(report(model("int8", 2.0, 0.0, EQUIVALENT)))[1]
    assert "worse than its parent, beyond chance" in sentences(report(model("int8", 2.0, 0.008, WORSE)))[1]
    assert "better than its parent, beyond chance" in sentences(report(model("int8", 2.0, -0.05, BETTER)))[1]
    page = compression_page(report(model("int8", 2.0, 0.007)))
    assert [section.title for section in page.sections] == ["Models", "Times and sizes"]


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_int8_predicts_nearly_the_same_in_a_quarter_of_the_size(task: str, tmp_path: Path) -> None:
    settings = (
        ClassifierSettings(weights="none", model="test_efficientnet", head="linear")
        if task == "classify"
        else EncoderSettings(weights="none", model="unet", encoder="test_efficientnet")
    )
    bundle = write_network(tmp_path / "bundle", draw_network(task, settings, 64))
    content = bundle.read("model.onnx")
    inputs = [
        np.kron(RNG.standard_normal((1, 3, 8, 8)), np.ones((8, 8))).astype(np.float32) for _ in range(24)
    ]
    small = quantise(content, inputs, per_channel=True, reduced=False)
    assert len(small) < 0.5 * len(content)
    ours, theirs = Session(content), Session(small)
    assert theirs.outputs == ours.outputs and theirs.metadata() == ours.metadata()
    pixels = np.concatenate(inputs[:8])
    a, b = (session.run(pixels, outputs=[LOGITS])[0] for session in (ours, theirs))
    assert 0 < np.abs(a - b).max() < 0.5 * np.abs(a).max()
    assert quantise(content, inputs, per_channel=True, reduced=False) == small  # nothing is drawn
    graph = onnx.load_model_from_string(small).graph
    zeros = {each.name for each in graph.initializer if not numpy_helper.to_array(each).any()}
    nodes = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    assert any(len(node.input) == 2 for node in nodes)
    signed = {
        each.name
        for each in graph.initializer
        if each.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.INT32)
    }
    assert not [node for node in nodes if set(node.input[2:]) & zeros & signed]


def test_a_head_whose_weights_cancel_keeps_its_classes(tmp_path: Path) -> None:
    settings = ClassifierSettings(weights="none", model="resnet_small", head="linear")
    network = draw_network("classify", settings, 64)
    inputs = [
        np.kron(RNG.standard_normal((1, 3, 8, 8)), np.ones((8, 8))).astype(np.float32) for _ in range(24)
    ]
    head: Any = network.head
    with torch.inference_mode():
        features = network.encoder(torch.from_numpy(np.concatenate(inputs)))
    with torch.no_grad():  # standardised features: each centred, and scaled by its small deviation
        head.weight /= features.std(dim=0) + 1e-6
        head.bias.copy_(-head.weight @ features.mean(dim=0))
    content = write_network(tmp_path / "bundle", network).read("model.onnx")
    small = quantise(content, inputs, per_channel=True, reduced=False)
    a, b = (Session(each).run(np.concatenate(inputs), outputs=[LOGITS])[0] for each in (content, small))
    assert len(set(a.argmax(axis=1))) > 1 and (a.argmax(axis=1) == b.argmax(axis=1)).mean() > 0.8


def test_models_are_measured_in_turns(tmp_path: Path) -> None:
    settings = ClassifierSettings(weights="none", model="lenet")
    content = write_network(tmp_path / "bundle", draw_network("classify", settings, 32)).read("model.onnx")
    measured = measure_latencies({"": content, "same": content}, (32, 32), 3)
    assert [*measured] == ["", "same"] and (measured["same"][0].threads, measured["same"][0].batch) == (1, 1)
    assert measured[""][0].speed_up.value == 1.0 and measured["same"][0].p50 > 0
