"""The plan: every "auto" is decided with its reason, and what can't be honoured is refused before the first step."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import torch

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import CLEAN, LEAKING, Assignment, Leak, SplitFile
from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.network import Network
from pupila.stages.train import budget, engine, plan
from pupila.stages.train.engine import Fastest
from pupila.stages.train.plan import check, decide, refuse_idle
from pupila.stages.train.settings import TrainPlan, TrainSettings, as_it_is
from tests.pictures import write_classes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"ant": 2, "bee": 2}))


@pytest.fixture(autouse=True)
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU alone, on which ONNX Runtime and bfloat16 were measured faster."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(plan, "fastest", lambda *_: Fastest("onnxruntime", "it was measured", 0.01))
    monkeypatch.setattr(engine, "_cpu_flags", lambda: "flags: sse2 bf16")
    seconds = {torch.float32: 0.010, torch.bfloat16: 0.005}
    monkeypatch.setattr(plan, "step_seconds", lambda network, device, dtype: seconds[dtype])


def network(pretrained: bool = False) -> Network:
    torch.manual_seed(0)
    made = build(TrainSettings(model="lenet"), 2, side=32)
    return replace(made, source="file: x.safetensors") if pretrained else made


def named(data: Dataset, *classes: str) -> Dataset:
    """The data with other classes."""
    rows = [classes[row % len(classes)] for row in range(len(data))]
    return replace(data, images=data.images.with_columns(target=pl.Series(rows)))


def splits(train: int = 400, verdict: str = CLEAN, folds: int = 0) -> SplitFile:
    images = [
        Assignment(f"{n}.jpg", f"{n:x}", "train", n % folds if folds else None, n) for n in range(train)
    ]
    leaks = [Leak("0.jpg", "1.jpg", ("train", "test"), "near", 0.9)] * 3 if verdict == LEAKING else []
    return SplitFile("hash of the data", {}, "drawn", verdict, leaks, {}, images)


def decided(data: Dataset, split: SplitFile | None = None, pretrained: bool = True, **wish: Any) -> TrainPlan:
    settings = TrainSettings.wish(wish)
    check(settings, data, split or splits())
    made = network(pretrained)
    plan = decide(settings, data, split or splits(), made)
    refuse_idle(settings, plan, made)
    return plan


def test_every_auto_is_decided_with_a_reason(data: Dataset) -> None:
    autos = {name for name, field in TrainSettings.model_fields.items() if field.default == "auto"}
    made = decided(data)
    assert autos <= set(made.reasons)
    assert "auto" not in made.model_dump().values()
    assert all(made.reasons.values())
    assert (made.thaw, made.learning_rate, made.fine_learning_rate, made.side) == (0, 1e-3, 1e-4, 32)
    assert (made.batch_size, made.views, made.device, made.precision) == (32, 10, "cpu", "float32")
    assert (made.engine, made.reasons["engine"]) == ("onnxruntime", "it was measured")
    assert (made.classes, made.data_hash, made.splits_hash) == (["ant", "bee"], data.hash, splits().hash)


def test_what_was_wished_stays_and_has_no_reason(data: Dataset) -> None:
    wish: dict[str, Any] = {
        "thaw": 2, "learning_rate": 0.5, "fine_learning_rate": 0.25, "batch_size": 3, "views": 4,
        "device": "cpu", "precision": "float32", "side": 32,
    }  # fmt: skip
    made = decided(data, **wish)
    assert {name: getattr(made, name) for name in wish} == wish
    assert not set(wish) & set(made.reasons)


@pytest.mark.parametrize(("images", "size"), [(320, 32), (319, 16), (160, 16), (159, 8), (20, 8)])
def test_few_images_are_learned_in_small_batches(data: Dataset, images: int, size: int) -> None:
    assert decided(data, splits(images)).batch_size == size


def test_without_weights_everything_is_learned(data: Dataset) -> None:
    made = decided(data, pretrained=False)
    assert (made.thaw, made.engine) == ("all", "torch")
    assert "engine" not in made.reasons


@pytest.mark.parametrize(("wish", "field", "value"), [
    ({"optimizer": "sgd"}, "learning_rate", 0.01),
    ({"learning_rate": 0.2}, "fine_learning_rate", 0.02),
    ({"epochs": 4}, "views", 4),
    ({"epochs": 0, "thaw": 1}, "views", 1),
])  # fmt: skip
def test_one_wish_decides_another(data: Dataset, wish: dict[str, Any], field: str, value: float) -> None:
    made = decided(data, **wish)
    assert getattr(made, field) == pytest.approx(value)
    assert made.reasons[field]


def test_a_lower_precision_is_taken_where_it_is_faster_by_a_tenth(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decided(data, thaw=1).precision == "bfloat16"
    assert decided(data, thaw=1, precision="float32").precision == "float32"
    monkeypatch.setattr(
        plan, "step_seconds", lambda network, device, dtype: 0.01 + 0.0005 * (dtype != torch.bfloat16)
    )
    assert decided(data, thaw=1).precision == "float32"
    monkeypatch.setattr(engine, "_cpu_flags", lambda: "flags: sse2")
    assert "no bfloat16" in decided(data, thaw=1).reasons["precision"]


def test_folds_and_a_leak_that_was_allowed_are_in_the_plan(data: Dataset) -> None:
    assert decided(data, splits(folds=5)).folds == 5
    made = decided(data, splits(verdict=LEAKING), allow_leak=True)
    assert (made.leaking, decided(data).leaking, decided(data).folds) == (True, False, 0)


def test_a_plan_comes_back_from_its_file(data: Dataset, tmp_path: Path) -> None:
    made = decided(data, thaw="all", clip_norm=1.0, budget=None)
    path = tmp_path / "plan.json"
    path.write_text(made.model_dump_json())
    assert TrainPlan.model_validate_json(path.read_text()) == made


@pytest.mark.parametrize(("wish", "said"), [
    ({"class_weights": "inverse", "sampling": "balanced"}, "found class_weights=inverse, sampling=balanced; .*twice"),
    ({"class_weights": "effective", "sampling": "balanced"}, "found class_weights=effective, sampling=balanced"),
    ({"loss": "focal", "label_smoothing": 0.1}, "found loss=focal, label_smoothing=0.1"),
    ({"device": "cuda"}, "No such device here: found cuda; wanted cpu"),
    ({"augment": "A9"}, "No such augmentation: found A9"),
    ({"loss": "focall"}, "No such loss: found focall: unknown; did you mean 'focal'"),
    ({"loss": "focal+focal"}, "Bad loss: found focal"),
    ({"loss": "0*focal"}, "Bad loss"),
    ({"loss": "dice+cross_entropy"}, "masks: dice measures"),
])  # fmt: skip
def test_what_cannot_be_honoured_is_refused(data: Dataset, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(PupilaError, match=said) as fault:
        decided(data, **wish)
    assert fault.value.wanted
    one = dict(list(wish.items())[:1]) if len(wish) > 1 else {}
    assert decided(data, **one).classes  # each alone is fine


def test_a_split_that_leaks_is_refused(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="The split leaks: found 3 pairs") as fault:
        decided(data, splits(verdict=LEAKING))
    assert "--allow-leak" in fault.value.remedy


@pytest.mark.parametrize(("wish", "said"), [
    ({"epoch": 5}, "epoch: unknown; did you mean 'epochs'?"),
    ({"class_weight": "inverse"}, "class_weight: unknown; did you mean 'class_weights'?"),
    ({"thaw": -1}, "thaw"),
    ({"label_smoothing": 1.0}, "label_smoothing: "),
    ({"learning_rate": 0}, "learning_rate"),
])  # fmt: skip
def test_a_bad_setting_is_named_with_the_one_meant(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(PupilaError) as fault:
        TrainSettings.wish(wish, "train")
    assert said in fault.value.found
    assert fault.value.remedy == "pupila settings train"


@pytest.mark.parametrize(("wish", "told"), [
    ({"epochs": 0}, True), ({"epochs": 0, "thaw": 0}, True), ({"epochs": 0, "thaw": 1}, False), ({"epochs": 1}, False),
])  # fmt: skip
def test_only_a_run_that_learns_nothing_bundles_the_model_as_it_is(wish: dict[str, Any], told: bool) -> None:
    assert as_it_is(TrainSettings.wish(wish)) is told


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1.5h", 5400), (" 2 m ", 120)])
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    assert budget.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "-1m", "0s", "1d", "1m30s"])
def test_a_budget_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(PupilaError, match="Bad budget"):
        budget.seconds_of(text)


def within(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, time: str, pretrained: bool, folds: int = 0, **wish: Any
) -> dict[str, Any]:
    """What a budget decides where 100 + 20 images cost so much, and the clock stands still."""
    cost = budget.Measured(images=100, others=20, picture=0.01, encoded=0.03, step=0.1, side=224)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(budget, "_measure", lambda *_: cost)
    settings = TrainSettings.wish({**wish, "budget": time})
    found = budget.within_budget(settings, data, splits(folds=folds), lambda _: network(pretrained))
    return {name: getattr(found.wish, name) for name in found.reasons}


def test_a_budget_is_spent_on_views_and_then_on_thawed_blocks(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 0.8 x (70 - 20) = 40 s. Once: 120 x 0.04 = 4.8 s; half of the time has room for 1 + int(15.2 / 4) views.
    # 23.2 s are left: 2 epochs of 100 x 0.11 + 20 x 0.03 = 11.6 s, which are too few to thaw.
    assert within(data, monkeypatch, "70s", pretrained=True) == {"views": 4, "thaw": 0}
    # 96 s: all 10 views, 40.8 s with the first; 55.2 s are left for 4 epochs
    found = within(data, monkeypatch, "140s", pretrained=True)
    assert found == {"views": 10, "thaw": budget.FINE_BLOCKS, "fine_epochs": 4}
    assert within(data, monkeypatch, "140s", pretrained=True, views=2, thaw=1) == {"fine_epochs": 4}


def test_from_scratch_a_budget_decides_side_and_epochs(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the photos are 72 pixels high, so 64 is tried: a step costs 0.1 / 3.5 ** 2 = 0.00816 s, an epoch
    # 100 x 0.01816 + 20 x 0.01272 = 2.07 s; 0.8 x 100 - 1.2 = 78.8 s hold 38 of them
    assert within(data, monkeypatch, "2m", pretrained=False) == {"side": 64, "epochs": 38}
    assert within(data, monkeypatch, "1h", pretrained=False)["epochs"] == budget.MOST_EPOCHS


@pytest.mark.parametrize(("pretrained", "time"), [(True, "25s"), (False, "22s"), (False, "1s")])
def test_a_budget_without_room_for_one_pass_is_refused(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, pretrained: bool, time: str
) -> None:
    with pytest.raises(PupilaError, match="budget is too short") as fault:
        within(data, monkeypatch, time, pretrained)
    enough = {True: "about 26 s", False: "about 23 s"}  # 20 + 4.8 / 0.8, and 20 + 2.07 / 0.8
    assert enough[pretrained] in fault.value.wanted


def test_with_folds_a_budget_is_shared_by_all_trainings(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as from scratch above, in a fourth of the time: (0.8 x 100 / 4 - 1.2) / 2.07
    assert within(data, monkeypatch, "2m", pretrained=False, folds=3)["epochs"] == 9


def test_data_of_one_class_are_refused_before_anything_is_built(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="Nothing to tell apart: found one class: cat"):
        check(TrainSettings(), named(data, "cat"), splits())


@pytest.mark.parametrize("wish", [
    {"focal_gamma": 3.0}, {"head": "linear", "head_width": 64}, {"fine_epochs": 3},
    {"thaw": 0, "fine_learning_rate": 1e-4},
    {"precision": "bfloat16"}, {"views": 5, "augment": "none"}, {"epochs": 4, "warmup_epochs": 99},
    {"pretrained": False, "views": 3}, {"pretrained": False, "fine_epochs": 3},
])  # fmt: skip
def test_a_setting_that_would_do_nothing_is_refused(data: Dataset, wish: dict[str, Any]) -> None:
    with pytest.raises(PupilaError, match="would do nothing") as fault:
        decided(data, **wish)
    assert fault.value.remedy.startswith("leave ") and fault.value.wanted


@pytest.mark.parametrize("wish", [
    {"focal_gamma": 2.0}, {"fine_learning_rate": "auto"}, {"precision": "float32"}, {"views": 1, "augment": "none"},
    {"epochs": 0, "thaw": 1, "fine_epochs": 4, "warmup_epochs": 2}, {"loss": "focal", "focal_gamma": 3.0},
])  # fmt: skip
def test_a_setting_that_changes_nothing_or_works_is_taken(data: Dataset, wish: dict[str, Any]) -> None:
    assert decided(data, **wish).batch_size == 32


@pytest.mark.parametrize(("threshold", "says"), [
    ("f2", "Bad threshold"), ("bird:f1", "No such class"),
])  # fmt: skip
def test_a_threshold_is_refused_before_training(data: Dataset, threshold: str, says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        check(TrainSettings(threshold=threshold), data, splits())
    with pytest.raises(PupilaError, match="two classes, not 3"):
        check(TrainSettings(threshold="f1"), named(data, "a", "b", "c"), splits())


def test_a_side_that_the_model_can_not_take_is_refused(data: Dataset) -> None:
    settings = TrainSettings(model="lenet", weights="none", side=2)
    with pytest.raises(PupilaError, match="lenet can't take this side: found side=2"):
        decide(settings, data, splits(), build(settings, 2, side=2))


def test_frozen_blocks_without_weights_are_refused(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="none to keep"):
        decided(data, pretrained=False, thaw=0)
