"""A trial decides whether blocks are unfrozen; the recipe gives what the user did not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

import pupila
from pupila.api.split import plan_split
from pupila.artifacts.bundle.architecture import Weights
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.plan import PlanFile, RunPlan, write_plan
from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train import plan as deciding
from pupila.stages.train.config import TASK_MODELS, TrainConfig
from pupila.stages.train.measure import EngineChoice
from pupila.stages.train.plan import PLANNERS, decide, refuse_unused_settings
from pupila.stages.train.planning import unfreezing
from pupila.stages.train.planning.unfreezing import STRONG, decide_unfreezing
from pupila.stages.train.preparation import apply_recipe, prepare_training
from pupila.stages.train.run import TrainingRun
from pupila.stages.train.task_settings.classify import ClassifyTrainSettings
from pupila.stages.train.trials.trial import Candidate, TrialResult, Trials
from tests.pictures import write_classes

FROZEN, ALL, TRAINED = "frozen", "all", "trained"  # names of candidates


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"ant": 12, "bee": 12}))


@pytest.fixture(autouse=True)
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder with 10 ms for a step, and bfloat16 as the fastest precision."""
    monkeypatch.setattr(deciding, "pick_engine", lambda *_: EngineChoice("torch", "it was measured", 0.01))
    monkeypatch.setattr(unfreezing, "measure_precision", lambda *_: ("bfloat16", "measured"))
    monkeypatch.setattr(unfreezing, "time_step", lambda *_: 0.01)


class Tried(Trials):
    """Trials whose scores are given: of a frozen encoder, all blocks, and all blocks with batch norm trained."""

    scores: Sequence[float] = (0.5, 0.5, 0.5, 0.5)
    candidates: list[Candidate]
    splits_used: Sequence[SplitRows]

    def run(
        self, plan: Any, candidates: Sequence[Candidate], splits: Sequence[SplitRows] = ()
    ) -> list[TrialResult]:
        object.__setattr__(self, "candidates", list(candidates))
        object.__setattr__(self, "splits_used", splits)
        first = 0 if candidates[0].settings["unfreeze"] == 0 else 1
        scores = self.scores[first : first + len(candidates)]
        return [
            TrialResult(name=c.name, settings=c.settings, scores=[score] * 9 + [score + 1e-6], seconds=1)
            for c, score in zip(candidates, scores, strict=True)
        ]


def decided(data: Dataset, scores: Sequence[float] = (0.5, 0.5, 0.5, 0.5), **given: Any) -> tuple[Any, Tried]:
    settings: Any = ClassifyTrainSettings.parse({"model": "lenet", "device": "cpu", "head": "dense", **given})
    torch.manual_seed(0)
    network = replace(build_classifier(settings, 2, 32), weights=Weights(source="file: x.safetensors"))
    splits = plan_split(data)
    plan = decide(settings, data, splits, network, "classify")
    trials = Tried(data, splits, lambda plan: network)
    object.__setattr__(trials, "scores", scores)
    plan = decide_unfreezing(settings, plan, trials)
    refuse_unused_settings(settings, plan, network)
    return plan, trials


def test_the_encoder_stays_frozen_unless_another_candidate_is_better(data: Dataset) -> None:
    plan, trials = decided(data)
    assert [c.settings.get("batch_norm") for c in trials.candidates] == [None, "frozen"]  # which has lost
    assert (plan.unfreeze, plan.batch_norm, plan.precision, plan.finetune_epochs) == (
        0,
        "frozen",
        "float32",
        10,
    )
    assert "0.500" in plan.reasons["unfreeze"]
    plan, trials = decided(data, (0.5, 0.6, 0.6, 0.6))
    assert [c.settings.get("batch_norm") for c in trials.candidates] == [None, "frozen", "frozen", "trained"]
    assert (plan.unfreeze, plan.batch_norm, plan.precision, plan.finetune_epochs) == (
        "all",
        "frozen",
        "bfloat16",
        10,
    )
    plan, _ = decided(data, (0.5, 0.6, 0.6, 0.7))
    assert (plan.unfreeze, plan.batch_norm, plan.finetune_lr) == ("all", "trained", 5e-4)
    assert decided(data, (0.5, 0.6, 0.7, 0.7))[0].finetune_lr == 5e-4
    assert decided(data, (0.5, 0.5, 0.9, 0.9))[0].unfreeze == 0  # the others are not tried
    assert decided(data, (0.5, 0.6, 0.6, 0.6))[0].finetune_lr == 1e-4
    assert plan.reasons["batch_norm"] == plan.reasons["unfreeze"]


def test_the_others_are_not_tried_where_the_first_wins_by_noise_alone(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfreezing, "choose", lambda results: results[0])  # none beats it by a standard error
    plan, trials = decided(data, (0.5, 0.6, 0.9, 0.9))
    assert len(trials.candidates) == 2 and plan.unfreeze == 0


def test_what_the_user_has_set_is_not_tried(data: Dataset) -> None:
    plan, trials = decided(data, unfreeze=1)
    assert plan.unfreeze == 1 and not hasattr(trials, "candidates")
    plan, trials = decided(data, batch_norm="trained")
    assert [c.settings["batch_norm"] for c in trials.candidates] == ["trained"] and plan.unfreeze == "all"
    plan, trials = decided(data, precision="float32")  # which suits a frozen encoder, too
    assert plan.unfreeze == 0 and len(trials.candidates) == 2
    plan, trials = decided(data, precision="bfloat16")
    assert plan.unfreeze == "all" and len(trials.candidates) == 3
    plan, trials = decided(data, finetune_epochs=3)  # it has no effect on a frozen encoder
    assert plan.unfreeze == "all" and len(trials.candidates) == 3
    plan, trials = decided(data, finetune_lr=2e-4)
    assert plan.finetune_lr == 2e-4 and [c.settings["finetune_lr"] for c in trials.candidates] == [2e-4, 2e-4]


def test_a_trial_on_few_images_has_folds_and_a_slow_one_fewer_epochs(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, trials = decided(data)
    assert len(trials.splits_used) == unfreezing.MAX_FOLDS
    count = len(trials.split.train)
    monkeypatch.setattr(unfreezing, "time_step", lambda *_: 48 / count / 3.5)  # three epochs in the time
    _, trials = decided(data)
    assert trials.splits_used == [trials.split] and trials.candidates[1].settings["finetune_epochs"] == 3


def test_a_fine_tuning_that_auto_decides_on_ends_in_two_minutes(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfrozen = (0.5, 0.6, 0.6, 0.6)
    count = len(decided(data)[1].split.train)
    monkeypatch.setattr(unfreezing, "time_step", lambda *_: 120 / count / 6.5)
    plan, _ = decided(data, unfrozen)
    assert (plan.unfreeze, plan.finetune_epochs) == ("all", 6)
    assert plan.reasons["finetune_epochs"] == "as many as take 120 s, from 5 to 10"
    plan, _ = decided(data, unfrozen, cutmix=1.0)  # which asks for it
    assert plan.finetune_epochs == 10
    monkeypatch.setattr(unfreezing, "time_step", lambda *_: 30 / count)  # four epochs
    plan, trials = decided(data, unfrozen)
    assert not hasattr(trials, "candidates") and plan.unfreeze == 0
    assert plan.reasons["unfreeze"] == (
        "not tried: an epoch with unfrozen blocks takes 30 s on this machine, and there are 120 s; "
        "--budget or --unfreeze all gives more"
    )
    plan, trials = decided(data, cutmix=1.0)  # too slow for a trial
    assert not hasattr(trials, "candidates")
    assert (plan.unfreeze, plan.finetune_lr, plan.batch_norm) == ("all", 1e-4, "frozen")
    assert plan.reasons["unfreeze"] == (
        "not tried: 2 epochs with unfrozen blocks take longer than 48 s on this machine"
    )


def test_without_a_validation_image_nothing_is_tried_and_the_plan_says_so(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tried, "run", lambda *_: [])  # as `Trials` does then
    plan, _ = decided(data)
    assert plan.unfreeze == 0
    assert plan.reasons["unfreeze"] == "not tried: there are no validation images"


def test_the_strong_recipe_gives_what_the_user_did_not(data: Dataset) -> None:
    settings: Any = ClassifyTrainSettings.parse({"recipe": "strong", "ema_decay": 0.5, "augment": "none"})
    preset = apply_recipe(settings, PLANNERS["classify"].recipes)
    assert preset.settings.ema_decay == 0.5 and preset.settings.augment == "none"
    assert preset.settings.cutmix == STRONG["cutmix"] and preset.settings.unfreeze == "all"
    assert set(preset.reasons) == set(STRONG) - {"ema_decay", "augment"}
    assert apply_recipe(ClassifyTrainSettings.parse({}), PLANNERS["classify"].recipes).reasons == {}
    for name, planner in PLANNERS.items():
        for values in planner.recipes.values():
            TASK_MODELS[name].settings.parse(dict(values))  # each is a setting of the task


def test_what_has_no_effect_on_a_frozen_encoder_is_refused(data: Dataset, tmp_path: Path) -> None:
    for given in ({"recipe": "strong"}, {"cutmix": 1.0}, {"mixup": 0.2}, {"layer_decay": 0.5}):
        with pytest.raises(PupilaError, match="has no effect"):
            decided(data, unfreeze=0, **given)
    with pytest.raises(PupilaError, match="label_smoothing"):  # of the recipe, which the focal loss ignores
        prepare_training(
            TrainConfig.parse({"recipe": "strong", "loss": "focal"}, "train"), data, plan_split(data)
        )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "efficient.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), path)
    return str(path)


@pytest.mark.trials
def test_a_resumed_run_repeats_the_decision_without_a_trial(
    data: Dataset, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(unfreezing, "measure_precision", lambda *_: ("float32", "measured"))
    given = {"model": "test_efficientnet", "weights": weights, "image_size": 32, "epochs": 2, "finetune_epochs": 2,
             "augment": "flip", "device": "cpu", "batch_size": 8}  # fmt: skip
    config, splits = TrainConfig.parse(given, "train"), plan_split(data)
    plan, _ = prepare_training(config, data, splits)
    assert plan.unfreeze == "all" and plan.finetune_epochs == 2  # finetune_epochs was given
    assert plan.reasons["unfreeze"].startswith("tried on 20 images: ")  # not those of the test split
    folder = tmp_path / "run"
    content = PlanFile[RunPlan](
        state="running", settings=config.model_dump(mode="json", exclude_unset=True), plan=plan
    )
    write_plan(str(folder), content)

    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(Trials, "run", fail)
    training = TrainingRun(data, splits, str(folder)).train_planned()
    assert training.plan.model_dump() == plan.model_dump()
