"""As many blocks are unfrozen as there is time for; the recipe gives what the user did not."""

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
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier
from pupila.stages.train import plan as deciding
from pupila.stages.train.config import TASK_MODELS, TrainConfig
from pupila.stages.train.measure import EngineChoice
from pupila.stages.train.plan import PLANNERS, decide, refuse_unused_settings
from pupila.stages.train.planning import unfreezing
from pupila.stages.train.planning.unfreezing import STRONG, decide_unfreezing
from pupila.stages.train.preparation import apply_recipe, prepare_training
from pupila.stages.train.task_settings.classify import ClassifyTrainSettings
from pupila.stages.train.trials.trial import Trials
from tests.pictures import write_classes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"ant": 12, "bee": 12}))


TRAINING = 16  # images


@pytest.fixture(autouse=True)
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder with 10 ms for a step, and bfloat16 as the fastest precision."""
    monkeypatch.setattr(deciding, "pick_engine", lambda *_: EngineChoice("torch", "it was measured", 0.01))
    monkeypatch.setattr(unfreezing, "measure_precision", lambda *_: ("bfloat16", "measured"))
    set_epoch(monkeypatch, 1.0)


def set_epoch(monkeypatch: pytest.MonkeyPatch, seconds: float, few: float | None = None) -> None:
    """Give an epoch with all blocks unfrozen, or a few, these seconds."""
    taken = {"all": seconds, unfreezing.FEW_BLOCKS: seconds if few is None else few}
    monkeypatch.setattr(
        unfreezing,
        "time_step",
        lambda _n, _d, _t, blocks, alone: taken[blocks] / unfreezing.OVERHEAD / TRAINING,
    )


def decided(data: Dataset, splits: SplitFile | None = None, **given: Any) -> Any:
    settings: Any = ClassifyTrainSettings.parse({"model": "lenet", "device": "cpu", "head": "dense", **given})
    torch.manual_seed(0)
    network = replace(build_classifier(settings, 2, 32), weights=Weights(source="file: x.safetensors"))
    network = replace(network, body=replace(network.body, depth=5))
    splits = splits or plan_split(data)
    plan = decide(settings, data, splits, network, "classify")
    plan = decide_unfreezing(settings, plan, Trials(data, splits, lambda plan: network))
    refuse_unused_settings(settings, plan, network)
    return plan


def test_all_blocks_are_unfrozen_where_there_is_time(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = decided(data)
    assert (plan.unfreeze, plan.finetune_epochs, plan.precision) == ("all", 10, "bfloat16")
    assert (plan.batch_norm, plan.finetune_lr) == ("frozen", pytest.approx(3e-4))
    assert "higher on validation" in plan.reasons["unfreeze"]
    assert plan.reasons["finetune_epochs"] == "as many as take 150 s, at most 10"
    assert plan.reasons["finetune_lr"] == "0.3 of lr"
    set_epoch(monkeypatch, 150 / 6.5)
    assert decided(data).finetune_epochs == 6


def test_where_time_is_short_a_few_blocks_or_none_are_unfrozen(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_epoch(monkeypatch, 30.5, few=10)
    plan = decided(data)
    assert (plan.unfreeze, plan.finetune_epochs) == (unfreezing.FEW_BLOCKS, 10)
    set_epoch(monkeypatch, 90, few=60)
    assert decided(data).finetune_epochs == 2
    set_epoch(monkeypatch, 90, few=80)
    plan = decided(data)
    assert (plan.unfreeze, plan.precision) == (0, "float32")
    assert plan.reasons["unfreeze"] == (
        "an epoch with the last 3 blocks unfrozen takes 80 s on this machine, and there are 150 s for at least 2; "
        "--budget or --unfreeze 3 gives more"
    )
    plan = decided(data, cutmix=1.0)  # which asks for it
    assert (plan.unfreeze, plan.finetune_epochs) == ("all", 10)


def test_what_the_user_has_set_stays(data: Dataset) -> None:
    assert decided(data, unfreeze=1).unfreeze == 1
    plan = decided(data, batch_norm="trained")
    assert (plan.unfreeze, plan.batch_norm) == ("all", "trained")
    plan = decided(data, precision="float32")  # which suits a frozen encoder, too
    assert (plan.unfreeze, plan.precision) == ("all", "float32")
    plan = decided(data, finetune_epochs=3)
    assert (plan.unfreeze, plan.finetune_epochs) == ("all", 3)
    assert decided(data, finetune_lr=2e-4).finetune_lr == 2e-4


def test_without_a_validation_image_the_encoder_stays_frozen_and_the_plan_says_so(data: Dataset) -> None:
    plan = decided(data, plan_split(data, val=0))
    assert plan.unfreeze == 0
    assert plan.reasons["unfreeze"] == "no validation images, which show whether unfrozen blocks are better"


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
