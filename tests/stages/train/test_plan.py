"""The plan: every "auto" is decided with its reason, and unusable settings are refused before the first step."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

import pupila
from pupila.artifacts.bundle.architecture import Weights
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.split_settings import SplitSettings
from pupila.artifacts.dataset.splits import (
    CLEAN,
    LEAKING,
    Assignment,
    Balance,
    Deviation,
    Leak,
    SplitBalance,
    SplitFile,
)
from pupila.artifacts.dataset.versions.identity import hash_version
from pupila.artifacts.run.budget import BudgetLog
from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.run.plan import RunPlan
from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.network import Network
from pupila.stages.train import budget, measure, plan
from pupila.stages.train.budgets.cost import LEAST_SHARE, MAX_EPOCHS, BudgetedSettings, Cost, Timed
from pupila.stages.train.budgets.watch import BudgetWatch
from pupila.stages.train.config import TASK_MODELS, TrainConfig, parse_plan
from pupila.stages.train.introduction import describe_time
from pupila.stages.train.measure import EngineChoice
from pupila.stages.train.page import list_settings
from pupila.stages.train.plan import (
    PLANNERS,
    check_settings,
    decide,
    find_unused_settings,
    refuse_unused_settings,
)
from pupila.stages.train.settings import TrainSettings, skips_training
from pupila.stages.train.task_settings.classify import ClassifyTrainPlan, ClassifyTrainSettings
from tests.pictures import write_classes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"ant": 2, "bee": 2}))


@pytest.fixture(autouse=True)
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU alone, on which ONNX Runtime and bfloat16 were measured faster."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(plan, "pick_engine", lambda *_: EngineChoice("onnxruntime", "it was measured", 0.01))
    monkeypatch.setattr(measure, "cpu_features", lambda: ["AVX2", "AVX512_BF16"])
    seconds = {torch.float32: 0.010, torch.bfloat16: 0.005}
    monkeypatch.setattr(measure, "time_step", lambda network, device, dtype, alone: seconds[dtype])


def network(pretrained: bool = False) -> Network:
    torch.manual_seed(0)
    created = build(ClassifyTrainSettings(model="lenet"), 2, image_size=32)
    return replace(created, weights=Weights(source="file: x.safetensors")) if pretrained else created


def named(data: Dataset, *classes: str) -> Dataset:
    """The data with other classes."""
    rows = [classes[row % len(classes)] for row in range(len(data))]
    return replace(data, images=data.images.with_columns(target=pl.Series(rows)))


EMPTY = SplitBalance(images=0, groups=0, classes={}, class_groups={})
BALANCE = Balance(
    train=EMPTY, validation=EMPTY, test=EMPTY,
    largest_deviation=Deviation.model_validate({"share": 0, "class": "", "split": ""}),
)  # fmt: skip


def splits(train: int = 400, verdict: str = CLEAN, folds: int = 0) -> SplitFile:
    images = [
        Assignment(f"{n}.jpg", f"{n:x}", "train", n % folds if folds else None, n) for n in range(train)
    ]
    leaks = [Leak("0.jpg", "1.jpg", ("train", "test"), "near", 0.9)] * 3 if verdict == LEAKING else []
    return SplitFile("hash of the data", SplitSettings(), "drawn", verdict, leaks, BALANCE, images)


def decided(
    data: Dataset, split: SplitFile | None = None, pretrained: bool = True, **overrides: Any
) -> ClassifyTrainPlan:
    requested = ClassifyTrainSettings.parse({"head": "dense", **overrides})
    check_settings(requested, data, split or splits(), "classify")
    created = network(pretrained)
    settings, reasons = PLANNERS["classify"].settle(requested, 400)
    plan: ClassifyTrainPlan = decide(settings, data, split or splits(), created, "classify")
    refuse_unused_settings(requested, plan, created)
    return plan.model_copy(update={"reasons": {**plan.reasons, **reasons}})


def test_the_report_lists_the_settings_that_have_an_effect_as_yaml(data: Dataset) -> None:
    head_alone = decided(data)
    unused = set(find_unused_settings(head_alone, head_alone, network(pretrained=True)))
    listed = {name: value for name, value, _ in list_settings(head_alone, unused)}
    assert (listed["clip_norm"], listed["allow_leak"], listed["options"]) == ("null", "false", "{}")
    assert not {"folds", "finetune_epochs", "finetune_lr", "focal_gamma", "tversky_beta"} & set(listed)
    whole = decided(data, split=splits(folds=5), unfreeze=2, loss="focal")
    unused = set(find_unused_settings(whole, whole, network(pretrained=True)))
    assert {"folds", "finetune_epochs", "finetune_lr", "focal_gamma"} <= {
        row[0] for row in list_settings(whole, unused)
    }


def test_every_auto_is_decided_with_a_reason(data: Dataset) -> None:
    autos = {name for name, field in ClassifyTrainSettings.model_fields.items() if field.default == "auto"}
    created = decided(data, head="auto")
    assert autos <= set(created.reasons)
    assert "auto" not in created.model_dump().values()
    assert all(created.reasons.values())
    assert (created.unfreeze, created.lr, created.finetune_lr, created.image_size) == (0, 1e-3, 3e-4, 32)
    assert (created.batch_size, created.augmented_views, created.device, created.precision) == (
        32,
        4,
        "cpu",
        "float32",
    )
    assert (created.engine, created.reasons["engine"]) == ("onnxruntime", "it was measured")
    assert (created.classes, created.data_hash, created.splits_hash) == (
        ["ant", "bee"],
        data.hash,
        splits().hash,
    )
    assert created.data_version == hash_version(data.hash, splits().hash)


@pytest.mark.parametrize(
    ("epochs", "seconds", "message"),
    [
        (1, 0.004, "head: 0.1 s per epoch, at most 1 s for 1 epoch."),
        (3, 20.0, "head: 20.0 s per epoch, at most 60 s for 3 epochs."),
    ],
)
def test_the_time_of_a_phase_is_never_nothing(
    data: Dataset, epochs: int, seconds: float, message: str
) -> None:
    line = EpochLog(part="head", phase="head", epoch=1, train_loss=1.0, score=0.5, lr=0.1, seconds=seconds)
    assert describe_time(line, decided(data, epochs=epochs), network()) == message


def test_given_settings_stay_and_have_no_reason(data: Dataset) -> None:
    overrides: dict[str, Any] = {
        "unfreeze": 2, "lr": 0.5, "finetune_lr": 0.25, "batch_size": 3, "augmented_views": 4,
        "device": "cpu", "precision": "float32", "image_size": 32,
    }  # fmt: skip
    created = decided(data, **overrides)
    assert {name: getattr(created, name) for name in overrides} == overrides
    assert not set(overrides) & set(created.reasons)


@pytest.mark.parametrize(("images", "size"), [(320, 32), (319, 16), (160, 16), (159, 8), (20, 8)])
def test_few_images_are_trained_in_small_batches(data: Dataset, images: int, size: int) -> None:
    assert decided(data, splits(images)).batch_size == size


def test_without_weights_all_blocks_are_trained(data: Dataset) -> None:
    created = decided(data, pretrained=False)
    assert (created.unfreeze, created.engine) == ("all", "torch")
    assert "engine" not in created.reasons


@pytest.mark.parametrize(("overrides", "field", "value"), [
    ({"optimizer": "sgd"}, "lr", 0.01),
    ({"lr": 0.2}, "finetune_lr", 0.06),
    ({"epochs": 4}, "augmented_views", 4),
    ({"epochs": 0, "unfreeze": 1}, "augmented_views", 1),
])  # fmt: skip
def test_one_setting_decides_another(
    data: Dataset, overrides: dict[str, Any], field: str, value: float
) -> None:
    created = decided(data, **overrides)
    assert getattr(created, field) == pytest.approx(value)
    assert created.reasons[field]


def test_a_lower_precision_is_used_if_it_is_faster_by_a_tenth(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decided(data, unfreeze=1).precision == "bfloat16"
    assert decided(data, unfreeze=1, precision="float32").precision == "float32"
    monkeypatch.setattr(
        measure, "time_step", lambda network, device, dtype, alone: 0.01 + 0.0005 * (dtype != torch.bfloat16)
    )
    assert decided(data, unfreeze=1).precision == "float32"
    monkeypatch.setattr(measure, "cpu_features", lambda: ["AVX2"])
    assert "does not support bfloat16" in decided(data, unfreeze=1).reasons["precision"]


def test_folds_and_an_allowed_leak_are_in_the_plan(data: Dataset) -> None:
    assert decided(data, splits(folds=5)).folds == 5
    created = decided(data, splits(verdict=LEAKING), allow_leak=True)
    assert (created.leaking, decided(data).leaking, decided(data).folds) == (True, False, 0)


def test_a_plan_comes_back_from_its_file(data: Dataset, tmp_path: Path) -> None:
    created = decided(data, unfreeze="all", clip_norm=1.0, budget=None)
    path = tmp_path / "plan.json"
    path.write_text(created.model_dump_json())
    assert ClassifyTrainPlan.model_validate_json(path.read_text()) == created


@pytest.mark.parametrize(("overrides", "message"), [
    ({"class_weights": "inverse", "sampling": "balanced"}, "found class_weights=inverse, sampling=balanced; .*twice"),
    ({"class_weights": "effective", "sampling": "balanced"}, "found class_weights=effective, sampling=balanced"),
    ({"loss": "focal", "label_smoothing": 0.1}, "found loss=focal, label_smoothing=0.1"),
    ({"device": "cuda"}, "No CUDA device on this machine. Available: cpu."),
    ({"augment": "A9"}, "Unknown augmentation preset A9. Choose one of: auto, none, A1, "),
    ({"loss": "focall"}, "Unknown loss focall. Did you mean focal?"),
    ({"loss": "focal+focal"}, "Invalid loss: found focal"),
    ({"loss": "0*focal"}, "Invalid loss"),
    ({"loss": "dice+cross_entropy"}, "a loss for this task: cross_entropy, focal"),
    ({"loss": "bce"}, "a loss for this task: cross_entropy, focal"),
])  # fmt: skip
def test_conflicting_or_unknown_settings_are_refused(
    data: Dataset, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(PupilaError, match=message) as fault:
        decided(data, **overrides)
    assert fault.value.expected or fault.value.remedy or ". " in fault.value.problem
    item = dict(list(overrides.items())[:1]) if len(overrides) > 1 else {}
    assert decided(data, **item).classes  # each alone is fine


def test_a_split_that_leaks_is_refused(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="The split leaks: found 3 pairs") as fault:
        decided(data, splits(verdict=LEAKING))
    assert "--allow-leak" in fault.value.remedy


@pytest.mark.parametrize(("overrides", "message"), [
    ({"epoch": 5}, "epoch is unknown (did you mean epochs?)"),
    ({"class_weight": "inverse"}, "class_weight is unknown (did you mean class_weights?)"),
    ({"unfreeze": -1}, "unfreeze"),
    ({"label_smoothing": 1.0}, "label_smoothing"),
    ({"lr": 0}, "lr"),
])  # fmt: skip
def test_a_bad_setting_is_named_with_the_one_meant(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(PupilaError) as fault:
        TrainConfig.parse(overrides, "train")
    assert message in str(fault.value)
    assert fault.value.remedy == "pupila settings train"


@pytest.mark.parametrize(("overrides", "skipped"), [
    ({"epochs": 0}, True), ({"epochs": 0, "unfreeze": 0}, True), ({"epochs": 0, "unfreeze": 1}, False),
    ({"epochs": 1}, False),
])  # fmt: skip
def test_only_a_run_without_training_bundles_the_pretrained_model(
    overrides: dict[str, Any], skipped: bool
) -> None:
    assert skips_training(TrainSettings.parse(overrides)) is skipped


class Room:
    """The time that a budget leaves; encoding takes what the measured costs say."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.expected: dict[str, float] = {}
        self.shares: list[float] = []

    def expect(self, **seconds: float) -> None:
        self.expected |= seconds

    def fill(self, settings: Any, cost: Cost, share: float = 1.0) -> int:
        self.shares.append(share)
        each = cost.loading + cost.encoding
        self.left -= share * (cost.images + cost.validation_images) * each
        views = max(1, min(10, 1 + int(self.left / 2 / (cost.images * each)))) if cost.encoding else 1
        self.left -= (views - 1) * cost.images * each
        return views


def within(
    data: Dataset,
    left: float,
    pretrained: bool,
    folds: int = 0,
    room: Room | None = None,
    few: float = 0.1,
    **overrides: Any,
) -> dict[str, Any]:
    """What a budget decides where 100 + 20 images cost so much, with few unfrozen blocks `few`, and so much is left."""
    encoding = 0.03 if pretrained else 0.0
    cost = Cost(
        images=100, validation_images=20, loading=0.01, encoding=encoding, step=0.1, image_size=224,
        time_blocks=lambda blocks: few,
    )  # fmt: skip
    decided = BudgetedSettings(ClassifyTrainSettings.parse(overrides))
    timed = Timed(data, splits(folds=folds), network(pretrained), "A1")
    budget.BUDGETS["classify"].fit(decided, cost, room or Room(left), timed)
    return {name: getattr(decided.settings, name) for name in decided.reasons}


def test_a_budget_is_spent_on_views_and_then_on_unfrozen_blocks(data: Dataset) -> None:
    # Once: 120 x 0.04 = 4.8 s; half of the other 35.2 s has room for 4 further views of 4 s. 19.2 s are left: 1 epoch
    # of 100 x 0.11 + 20 x 0.1 / 3 = 11.7 s, which are too few to unfreeze blocks.
    assert within(data, 40, pretrained=True) == {"augmented_views": 5, "unfreeze": 0}
    # 96 s: all 10 views, 40.8 s with the first; 55.2 s are left for 4 epochs
    actual = within(data, 96, pretrained=True)
    assert actual == {"augmented_views": 10, "unfreeze": 3, "finetune_epochs": 4}
    assert within(data, 96, pretrained=True, unfreeze=1) == {"augmented_views": 10, "finetune_epochs": 4}
    # with few blocks unfrozen an epoch takes 100 x 0.05 + 20 x 0.1 / 3 = 5.7 s
    actual = within(data, 96, pretrained=True, few=0.04)
    assert actual == {"augmented_views": 10, "unfreeze": 3, "finetune_epochs": 9}
    # 102 s: 61.2 s are left for 5 epochs, which are enough for all blocks
    actual = within(data, 102, pretrained=True)
    assert actual == {"augmented_views": 10, "unfreeze": "all", "finetune_epochs": 5}


def test_fine_tuning_within_a_budget_is_timed_with_the_blocks_that_the_user_unfreezes(data: Dataset) -> None:
    for blocks, epoch in (("all", 11 + 20 / 30), (1, 5 + 20 / 30), (5, 11 + 20 / 30)):  # of 5 blocks
        room = Room(96)  # of which 55.2 s are left after all views
        actual = within(data, 96, pretrained=True, room=room, few=0.04, unfreeze=blocks)
        assert actual == {"augmented_views": 10, "finetune_epochs": int(55.2 / epoch)}
        assert room.expected["finetune"] == pytest.approx(epoch)
    assert within(data, 96, pretrained=True, unfreeze=0) == {"augmented_views": 10}


def test_a_budget_decides_what_the_user_sets_to_auto(data: Dataset) -> None:
    given: dict[str, Any] = {"unfreeze": "auto", "finetune_epochs": "auto", "augmented_views": "auto"}
    assert within(data, 96, pretrained=True, **given) == within(data, 96, pretrained=True)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_where_the_last_blocks_are_all_blocks_a_budget_unfreezes_all(data: Dataset, depth: int) -> None:
    cost = Cost(100, 20, 0.01, 0.03, 0.1, 224, lambda blocks: 0.1)
    few = network(pretrained=True)
    timed = Timed(data, splits(folds=0), replace(few, body=replace(few.body, depth=depth)), "A1")
    decided = BudgetedSettings(ClassifyTrainSettings.parse({}))
    budget.BUDGETS["classify"].fit(decided, cost, Room(96), timed)
    assert (decided.settings.unfreeze, decided.settings.finetune_epochs) == (3 if depth > 3 else "all", 4)


def test_augmented_views_for_which_there_is_no_time_are_left_out_whoever_set_them(data: Dataset) -> None:
    assert within(data, 40, pretrained=True, augmented_views=8)["augmented_views"] == 5
    assert "augmented_views" not in within(data, 40, pretrained=True, augmented_views=3)


def test_from_scratch_a_budget_decides_image_size_and_epochs(data: Dataset) -> None:
    # the photos are 72 pixels high, so 64 is tried: a step costs 0.1 / 3.5 ** 2 = 0.00816 s, an epoch
    # 100 x 0.01816 + 20 x 0.01272 = 2.07 s; 80 - 1.2 = 78.8 s hold 38 of them
    assert within(data, 80, pretrained=False) == {"image_size": 64, "epochs": 38}
    assert within(data, 3600, pretrained=False)["epochs"] == MAX_EPOCHS


def test_without_time_for_one_pass_fewer_images_are_used(data: Dataset) -> None:
    # an epoch of all images and their preparation take 2.07 + 1.2 s: there is time for half of them
    room = Room(1.635)
    assert within(data, 0, pretrained=False, room=room)["epochs"] == 1
    assert room.shares == [pytest.approx(0.5, abs=0.01)]
    assert room.expected["finetune"] == pytest.approx(2.07 / 2, abs=0.01)
    room = Room(-5.0)
    within(data, 0, pretrained=False, room=room)
    assert room.shares == [LEAST_SHARE]


def test_with_folds_a_budget_is_shared_by_all_trainings(data: Dataset) -> None:
    # as from scratch above, in four trainings: (80 - 1.2) / 4 / 2.07
    assert within(data, 80, pretrained=False, folds=3)["epochs"] == 9


def test_a_budget_that_not_even_the_end_of_the_run_fits_into_is_a_warning_and_the_least_is_trained(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        budget, "_measure_cost", lambda *_: Cost(100, 20, 0.01, 0.03, 0.1, 224, lambda blocks: 0.1)
    )
    warnings: list[str] = []

    def fit(elapsed: float) -> BudgetedSettings:
        log = BudgetLog(seconds=30, expected={"finish": 10.0})
        watch = BudgetWatch(log, lambda: elapsed, tell=warnings.append)
        timed = Timed(data, splits(), network(True), "A1")
        return budget.fit_to_budget(
            ClassifyTrainSettings(), timed, watch, Room(30 - 10 - elapsed), "classify"
        )

    fit(27)
    assert not warnings
    assert fit(29).settings.unfreeze == 0
    assert warnings[0].startswith(
        "The budget of 30 s is too short: 29 s have passed before the training, and its end takes about 10 s."
    )


def test_data_of_one_class_is_refused_before_a_model_is_built(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="Too few classes to train: found one class: cat"):
        check_settings(ClassifyTrainSettings(), named(data, "cat"), splits(), "classify")


@pytest.mark.parametrize("overrides", [
    {"focal_gamma": 3.0}, {"head": "linear", "head_width": 64}, {"finetune_epochs": 3},
    {"unfreeze": 0, "finetune_lr": 1e-4},
    {"precision": "bfloat16"}, {"augmented_views": 5, "augment": "none"}, {"epochs": 4, "warmup_epochs": 99},
    {"pretrained": False, "augmented_views": 3}, {"pretrained": False, "finetune_epochs": 3},
])  # fmt: skip
def test_a_setting_without_effect_is_refused(data: Dataset, overrides: dict[str, Any]) -> None:
    with pytest.raises(PupilaError, match="has no effect: it needs ") as fault:
        decided(data, **overrides)
    assert fault.value.remedy.startswith("omit --")


@pytest.mark.parametrize("overrides", [
    {"focal_gamma": 2.0}, {"finetune_lr": "auto"}, {"precision": "float32"}, {"augmented_views": 1, "augment": "none"},
    {"epochs": 0, "unfreeze": 1, "finetune_epochs": 4, "warmup_epochs": 2}, {"loss": "focal", "focal_gamma": 3.0},
])  # fmt: skip
def test_a_default_or_effective_setting_is_accepted(data: Dataset, overrides: dict[str, Any]) -> None:
    assert decided(data, **overrides).batch_size == 32


@pytest.mark.parametrize(("threshold", "says"), [
    ("f2", "Unknown threshold objective"), ("bird:f1", "Unknown class"),
])  # fmt: skip
def test_a_threshold_is_refused_before_training(data: Dataset, threshold: str, says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        check_settings(ClassifyTrainSettings(threshold=threshold), data, splits(), "classify")
    with pytest.raises(PupilaError, match="two classes, not 3"):
        check_settings(
            ClassifyTrainSettings(threshold="f1"), named(data, "a", "b", "c"), splits(), "classify"
        )


def test_an_image_size_that_the_model_does_not_support_is_refused(data: Dataset) -> None:
    settings = ClassifyTrainSettings(model="lenet", weights="none", image_size=2)
    with pytest.raises(PupilaError, match="lenet does not support this image size: found image_size=2"):
        decide(settings, data, splits(), build(settings, 2, image_size=2), "classify")


def test_frozen_blocks_without_weights_are_refused(data: Dataset) -> None:
    with pytest.raises(PupilaError, match="random weights are not worth freezing"):
        decided(data, pretrained=False, unfreeze=0)


@pytest.mark.parametrize(
    "too_large",
    [{"image_size": 10**8}, {"batch_size": 10**9}, {"epochs": 10**18}, {"workers": 10**5}],
    ids=lambda settings: next(iter(settings)),
)
def test_sizes_that_no_memory_holds_are_refused_before_anything_is_allocated(
    data: Dataset, too_large: dict[str, Any]
) -> None:
    with pytest.raises(PupilaError, match="is too large: expected at most"):
        check_settings(ClassifyTrainSettings(**too_large), data, splits(), "classify")


@pytest.mark.parametrize("value", ["inf", ".inf", "nan", 1e400])
def test_a_learning_rate_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(PupilaError, match="lr="):
        TrainConfig.parse({"lr": value}, "train")


def test_a_batch_larger_than_the_training_split_is_clamped_with_the_reason(data: Dataset) -> None:
    created = decided(data, splits(train=4), batch_size=64)
    assert (created.batch_size, created.reasons["batch_size"]) == (
        4,
        "64 is larger than the training split, which has 4 images",
    )
    assert (
        decided(data, batch_size=4).batch_size == 4
        and "batch_size" not in decided(data, batch_size=4).reasons
    )


@pytest.mark.parametrize("task", sorted(TASK_MODELS))
def test_a_setting_of_another_task_is_refused_with_the_tasks_that_have_it(task: str) -> None:
    ours, checked = TASK_MODELS[task], 0
    for name, field in TrainConfig.model_fields.items():
        config = TrainConfig.model_validate({name: field.get_default(call_default_factory=True)})
        if name in ours.settings.model_fields:
            assert config.for_task(task).model_fields_set == {name}
            continue
        checked += 1
        with pytest.raises(
            PupilaError, match=rf"{name}=.* is a setting for .*, and this is a training for "
        ) as fault:
            config.for_task(task)
        having = fault.value.problem.split(", and this")[0].partition(" is a setting for ")[2].split(", ")
        for other in TASK_MODELS.values():
            assert (other.title in having) is (name in other.settings.model_fields)
        assert fault.value.remedy == f"omit --{name.replace('_', '-')}"
    assert checked >= 10


def test_every_task_decides_every_auto_and_notes_only_its_own_settings() -> None:
    for models in TASK_MODELS.values():
        assert models.settings.notes.keys() <= models.settings.model_fields.keys()
        for name, field in models.plan.model_fields.items():
            auto = "auto" in str(field.annotation) and name not in ("loss", "augment", "model", "encoder")
            assert not auto, (models.title, name)


@pytest.mark.parametrize(
    ("task", "says"), [("listen", "listen"), ("classify", "unreadable fields: augmented_views")]
)
def test_a_stored_plan_that_is_none_of_its_task_is_refused(task: str, says: str) -> None:
    stored = RunPlan(task=task, model="lenet", classes=["a", "b"], data_hash="d", splits_hash="s")
    with pytest.raises(PupilaError, match=f"can't be read: found .*{says}"):
        parse_plan(stored)
