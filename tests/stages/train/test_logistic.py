"""A logistic head: what "auto" decides, the log of one epoch, resuming, and that a pool changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import pupila
from pupila.api.train import make_plan as api_plan
from pupila.artifacts.run.folder import checkpoint_file
from pupila.artifacts.run.log import LogLine, read_log
from pupila.core.errors import PupilaError
from pupila.stages.train.planning.head import VIEWS
from pupila.stages.train.run import TrainedRun
from pupila.statistics.intervals import MIN_GROUPS
from tests.pictures import write_classes
from tests.stages.train.test_interrupted import any_model

SETTINGS: dict[str, Any] = {"model": "test_efficientnet", "image_size": 32, "device": "cpu"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("pets"), {"cat": 12, "dog": 12})
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), folder.with_suffix(".safetensors"))
    pupila.split(folder)
    return folder


@pytest.fixture(autouse=True)
def _quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pupila.stages.train.finish.export_checked", any_model)


def make_plan(data: Path, **more: Any) -> Any:
    return api_plan(data, weights=str(data.with_suffix(".safetensors")), **SETTINGS, **more)


def train(
    data: Path, out: Path, tell: Callable[[LogLine], None] = lambda line: None, **more: Any
) -> TrainedRun:
    weights = str(data.with_suffix(".safetensors"))
    return pupila.train(data, out=out, tell=tell, weights=weights, unfreeze=0, **SETTINGS, **more)


def test_auto_is_logistic_unless_a_setting_needs_epochs(data: Path) -> None:
    plan = make_plan(data, unfreeze=0)
    assert (plan.head, plan.epochs, plan.l2, plan.augmented_views) == (
        "logistic",
        1,
        "cross-validation",
        VIEWS,
    )
    assert {"head", "epochs", "augmented_views"} <= plan.reasons.keys()
    for setting in (
        {"epochs": 3},
        {"lr": 0.01},
        {"optimizer": "adam"},
        {"sampling": "balanced"},
        {"dropout": 0.1},
    ):
        plan = make_plan(data, unfreeze=0, **setting)
        assert plan.head == "dense" and next(iter(setting)) in plan.reasons["head"]
    assert make_plan(data, unfreeze=1, optimizer="sgd").head == "logistic"  # fine-tuning has an optimizer
    assert make_plan(data, augment="none", unfreeze=0).augmented_views == 1
    scratch: Any = api_plan(data, model="lenet")
    assert scratch.head == "dense"


def test_a_logistic_head_weights_rare_classes_unless_something_else_does(data: Path) -> None:
    plan = make_plan(data, unfreeze=0)
    assert plan.class_weights == "inverse_sqrt" and "rare" in plan.reasons["class_weights"]
    assert make_plan(data, unfreeze=0, class_weights="none").class_weights == "none"
    for setting in ({"loss": "focal"}, {"epochs": 3}, {"sampling": "balanced"}):
        assert make_plan(data, unfreeze=0, **setting).class_weights == "none"


@pytest.mark.trials
def test_auto_fine_tunes_and_says_what_came_of_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pupila.stages.train.planning.unfreezing.time_step", lambda *_, **__: 1e-3)
    weights = str(data.with_suffix(".safetensors"))
    run = pupila.train(data, out=tmp_path / "run", weights=weights, **SETTINGS)
    assert (run.plan.unfreeze, run.plan.finetune_epochs) == ("all", 10)
    assert "scores higher on validation than the frozen encoder" in run.plan.reasons["unfreeze"]
    assert f"Fine-tuning: {run.plan.reasons['unfreeze']}." in (tmp_path / "run/report.html").read_text()
    assert sum(line.phase == "finetune" for line in read_log(str(tmp_path / "run"))) == 10


def test_r3s_recipe_is_expressed_as_before(data: Path) -> None:
    plan = make_plan(data, head="dense", epochs=10, optimizer="adam", unfreeze=0)
    assert (plan.head, plan.epochs, plan.optimizer, plan.lr) == ("dense", 10, "adam", 1e-3)
    assert plan.augmented_views == 10


@pytest.mark.parametrize(
    "setting", [{"epochs": 3}, {"lr": 0.1}, {"optimizer": "sgd"}, {"sampling": "balanced"}, {"head_width": 8}],
)  # fmt: skip
def test_what_a_logistic_head_can_not_honour_is_refused(data: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(PupilaError, match="has no effect"):
        make_plan(data, head="logistic", unfreeze=0, **setting)


def test_an_l2_without_a_logistic_head_is_refused(data: Path) -> None:
    with pytest.raises(PupilaError, match=r"l2=0\.1 has no effect"):
        make_plan(data, head="dense", l2=0.1, unfreeze=0)


def test_one_epoch_is_logged_with_its_choice_and_resumed_without_fitting(data: Path, tmp_path: Path) -> None:
    run = train(data, tmp_path / "run")
    (line,) = read_log(str(tmp_path / "run"))
    assert (line.epoch, line.phase, line.lr) == (1, "head", 0.0)
    assert "5-fold cross-validation" in line.choice
    assert run.plan.reasons["l2"] == line.choice
    assert "Learning curves" not in (tmp_path / "run" / "report.html").read_text()
    weights = load_file(tmp_path / "run" / "bundle" / "weights.safetensors")
    for name in ("bundle/bundle.json", "report.html"):
        (tmp_path / "run" / name).unlink()
    again = train(data, tmp_path / "run", resume=True)
    assert again.plan.reasons["l2"] == line.choice
    resumed = load_file(tmp_path / "run" / "bundle" / "weights.safetensors")
    assert all(np.array_equal(weights[name], resumed[name]) for name in weights)


def test_a_lost_checkpoint_is_fitted_again_bit_for_bit(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "run")
    weights = load_file(tmp_path / "run" / "bundle" / "weights.safetensors")
    for name in ("head-last", "head-best"):
        Path(checkpoint_file(str(tmp_path / "run"), name)).unlink()
    (tmp_path / "run" / "bundle" / "bundle.json").unlink()
    train(data, tmp_path / "run", resume=True)
    resumed = load_file(tmp_path / "run" / "bundle" / "weights.safetensors")
    assert all(np.array_equal(weights[name], resumed[name]) for name in weights)


def test_a_given_strength_is_taken_and_chooses_nothing(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "weak", l2=1e-4, augment="none")
    train(data, tmp_path / "strong", l2=10.0, augment="none")
    assert not read_log(str(tmp_path / "weak"))[0].choice
    norms = [
        float(np.linalg.norm(load_file(tmp_path / name / "bundle" / "weights.safetensors")["head.weight"]))
        for name in ("weak", "strong")
    ]
    assert norms[0] > 10 * norms[1]


def test_folds_choose_each_by_themselves(data: Path, tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "folded", {"cat": 9, "dog": 9})
    weights = str(data.with_suffix(".safetensors"))
    pupila.train(
        folder, out=tmp_path / "run", folds=3, tell=lambda line: None, weights=weights, unfreeze=0, **SETTINGS
    )
    lines = read_log(str(tmp_path / "run"))
    assert [line.part for line in lines] == ["fold0-head", "fold1-head", "fold2-head", "whole-head"]
    assert all(line.choice for line in lines)


def test_the_linear_probe_stands_beside_every_trained_network(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(data, tmp_path / "run", head="dense", epochs=1, augmented_views=1)
    validation = run.bundle.info.validation
    assert validation is not None and validation.probe is not None
    assert validation.probe.metric == "macro_f1"
    report = (tmp_path / "run" / "report.html").read_text()
    card = (tmp_path / "run" / "bundle" / "card.md").read_text()
    evaluated = pupila.evaluate(run, data, split="validation")
    page = Path(evaluated.report).read_text()
    assert all(
        "Linear probe on validation: macro F1" in text for text in (report, card, str(run.summary()), page)
    )
    assert evaluated.evaluation.probe == validation.probe

    def refuse(*_: Any) -> Any:
        raise AssertionError("the probe is cached")

    monkeypatch.setattr("pupila.learning.trainers.images.choose_l2", refuse)
    again = train(data, tmp_path / "again", head="linear", epochs=1, augmented_views=1)
    repeated = again.bundle.info.validation
    assert repeated is not None and repeated.probe is not None
    assert repeated.probe.difference.other == validation.probe.difference.other


def test_a_logistic_head_on_the_images_as_they_are_is_the_probe(data: Path, tmp_path: Path) -> None:
    run = train(data, tmp_path / "run", augment="none")
    validation = run.bundle.info.validation
    assert validation is not None and validation.probe is not None
    difference, p_value = validation.probe.difference, validation.probe.p_value
    assert (difference.first, p_value) == (difference.other, 1.0)


def test_folds_compare_out_of_fold_predictions(data: Path, tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "folded", {"cat": 9, "dog": 9})
    weights = str(data.with_suffix(".safetensors"))
    run = pupila.train(
        folder,
        out=tmp_path / "run",
        folds=3,
        tell=lambda line: None,
        weights=weights,
        augment="none",
        **SETTINGS,
    )
    validation = run.bundle.info.validation
    assert validation is not None and validation.n > 10 and validation.probe is not None
    assert (validation.probe.difference.low is None) is (validation.groups < MIN_GROUPS)


def test_without_pretrained_weights_there_is_no_probe(data: Path, tmp_path: Path) -> None:
    run = pupila.train(
        data,
        out=tmp_path / "run",
        tell=lambda line: None,
        model="lenet",
        image_size=32,
        epochs=1,
        device="cpu",
    )
    validation = run.bundle.info.validation
    assert validation is not None and validation.probe is None
    assert "Linear probe" not in (tmp_path / "run" / "report.html").read_text()
