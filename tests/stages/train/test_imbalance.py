"""Imbalance: each option reaches what is learned, whatever the others are, and the score is no accuracy."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.learning.loop import Checkpointer
from pupila.learning.losses.classes import LOSSES, OVERLAP_LOSSES, class_weights
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.network import WholeNetwork
from pupila.learning.trainers.classify import ClassifyTrainer
from pupila.learning.trainers.trainer import SplitRows
from pupila.stages.train.classify import CLASSIFY_RECIPE
from pupila.stages.train.phases import train_split
from pupila.stages.train.task_settings.classify import ClassifyTrainPlan
from tests.pictures import write_classes

COMMON, RARE = 0, 1
TRAIN = SplitRows(train=[*range(20), *range(24, 29)], validation=[*range(20, 24), 29])  # 20 : 5 and 4 : 1


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_classes(tmp_path_factory.mktemp("data"), {"common": 24, "rare": 6}))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Nets as small as these gain nothing from more, and another number gives other last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_plan(data: Dataset, **overrides: Any) -> ClassifyTrainPlan:
    decided = {
        "task": "classify",
        "model": "lenet", "weights": "none", "image_size": 32, "epochs": 2, "unfreeze": "all", "lr": 1e-3,
        "finetune_lr": 1e-4, "batch_size": 8, "augmented_views": 1, "device": "cpu", "precision": "float32",
        "engine": "torch", "threads": 1, "data_hash": "", "splits_hash": "", "classes": data.classes, "workers": 0,
        "schedule": "constant", "warmup_epochs": 0.0, "augment": "none", "loss": "cross_entropy",
        "finetune_epochs": 1, "head": "dense", "fit": "squash", "crop_share": 1.0, "interpolation": "bilinear",
    }  # fmt: skip
    return ClassifyTrainPlan.model_validate({**decided, **overrides})


def trainer(data: Dataset, split: SplitRows = TRAIN, **overrides: Any) -> ClassifyTrainer:
    plan = make_plan(data, **overrides)
    torch.manual_seed(0)
    return ClassifyTrainer(data, split, plan, build(plan, 2, 32))


def weights(data: Dataset, folder: Path, **overrides: Any) -> list[float]:
    """All numbers of the net that two epochs lead to."""
    report = trainer(data, SplitRows(TRAIN.train, []), **overrides)
    train_split(report, make_plan(data, **overrides), lambda phase: Checkpointer(str(folder), phase))
    return torch.cat(
        [value.flatten() for value in WholeNetwork(report.network).state_dict().values()]
    ).tolist()


def test_balanced_sampling_draws_both_classes_equally_often(data: Dataset) -> None:
    report = trainer(data, sampling="balanced")
    drawn = [row for epoch in range(40) for rows in report.batches(epoch) for row in rows]
    assert len(drawn) == 40 * 25
    assert set(drawn) == set(TRAIN.train)
    assert report.targets[drawn].mean() == pytest.approx(0.5, abs=0.07)  # 4 deviations


def test_natural_sampling_takes_each_image_once(data: Dataset) -> None:
    drawn = [row for rows in trainer(data).batches(0) for row in rows]
    assert sorted(drawn) == TRAIN.train


@pytest.mark.parametrize("kind", ["none", "inverse", "inverse_sqrt", "effective"])
@pytest.mark.parametrize("loss", sorted(LOSSES.keys() - set(OVERLAP_LOSSES)))
def test_class_weights_reach_every_loss_and_are_of_the_training_images(
    data: Dataset, loss: str, kind: str
) -> None:
    report = trainer(data, loss=loss, class_weights=kind, focal_gamma=1.0)
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])  # probabilities 3/4 and 1/4
    terms = np.array([-math.log(3 / 4), -math.log(1 / 4)])
    if loss == "focal":
        terms *= [1 / 4, 3 / 4]
    each = class_weights(np.array([20, 5]), kind)
    shares = np.ones(2) if each is None else each.numpy()
    actual = float(report.criterion(logits, torch.tensor([COMMON, RARE])))
    assert actual == pytest.approx((terms * shares).sum() / shares.sum())


@pytest.mark.parametrize("overrides", [
    {"class_weights": "inverse"}, {"class_weights": "inverse_sqrt"}, {"class_weights": "effective"},
    {"sampling": "balanced"}, {"loss": "focal"},
    {"loss": "focal", "class_weights": "inverse"}, {"loss": "focal", "focal_gamma": 1.0}, {"label_smoothing": 0.1},
    {"optimizer": "adam"}, {"optimizer": "sgd"}, {"weight_decay": 0.1}, {"clip_norm": 0.1}, {"seed": 24},
    {"schedule": "cosine"}, {"warmup_epochs": 1.0}, {"lr": 1e-2}, {"batch_size": 5}, {"augment": "A1"},
    {"epochs": 1}, {"unfreeze": 1}, {"head": "linear"}, {"head_width": 16}, {"dropout": 0.0}, {"precision": "bfloat16"},
], ids=str)  # fmt: skip
def test_no_option_is_silently_ignored(
    data: Dataset, overrides: dict[str, Any], plain: list[float], tmp_path: Path
) -> None:
    actual = weights(data, tmp_path, **overrides)
    assert actual != plain
    assert np.isfinite(actual).all()


@pytest.fixture(scope="module")
def plain(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return weights(data, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("overrides", [{}, {"workers": 3}, {"focal_gamma": 1.0}, {"patience": 1}], ids=str)
def test_what_plays_no_part_changes_nothing(
    data: Dataset, overrides: dict[str, Any], plain: list[float], tmp_path: Path
) -> None:
    assert weights(data, tmp_path, **overrides) == plain


def predictions(*classes: int) -> Array:
    return np.eye(2, dtype=np.float32)[list(classes)]


def test_the_score_is_macro_f1_so_that_the_majority_alone_is_no_good(data: Dataset) -> None:
    message = trainer(data).score_logits(predictions(*[COMMON] * 5), epoch=0)
    # F1 of common: 2 x 4 / (5 + 4) = 8/9; of rare: 0
    assert message.score == message.metrics["macro_f1"] == pytest.approx(4 / 9)
    assert message.metrics["accuracy"] == pytest.approx(0.8)
    assert message.collapsed
    perfect = trainer(data).score_logits(predictions(*[COMMON] * 4, RARE), epoch=0)
    assert perfect.score == 1.0 and not perfect.collapsed


def test_without_validation_a_later_epoch_is_a_better_one(data: Dataset) -> None:
    report = trainer(data, SplitRows(TRAIN.train, []))
    nothing = np.empty((0, 2), np.float32)
    assert report.score_logits(nothing, 3).score > report.score_logits(nothing, 2).score
    assert not report.score_logits(nothing, 0).collapsed


def test_answers_of_one_class_alone_are_a_collapse() -> None:
    assert CLASSIFY_RECIPE.is_collapsed(predictions(COMMON, COMMON))
    assert not CLASSIFY_RECIPE.is_collapsed(predictions(COMMON, RARE))
    assert not CLASSIFY_RECIPE.is_collapsed(predictions())  # nothing was validated
