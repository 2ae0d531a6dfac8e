"""The trainer of segmentation models, with the settings that it reads and no plan: its passes over validation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.learning.models.segment import build_segmenter
from pupila.learning.models.settings import EncoderSettings
from pupila.learning.trainers import segment
from pupila.learning.trainers.segment import SegmentTrainer, concatenate_masks
from pupila.learning.trainers.spool import ArraySpool
from pupila.learning.trainers.trainer import SplitRows
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.titles import TITLES
from pupila.tasks.tuning.segment import LEVELS, MaskPredictions
from tests.pictures import write_scenes

SIDE = 64


@dataclass(frozen=True)
class Settings:
    """All that the trainer reads."""

    classes: list[str]
    epochs: int = 1
    finetune_epochs: int = 1
    batch_size: int = 4
    augment: str = "none"
    seed: int = 3
    device: str = "cpu"
    workers: int = 0
    test_time_flips: str = "none"
    loss: str = "dice+cross_entropy"
    class_weights: str = "none"
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    tversky_beta: float = 0.7
    batch_norm: str = "frozen"


class CountedTrainer(SegmentTrainer):
    """Counts its passes through the network."""

    passes = 0

    def _predict_raw(self, module: nn.Module) -> Iterator[Any]:
        self.passes += 1
        return super()._predict_raw(module)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pupila.open(write_scenes(tmp_path_factory.mktemp("data") / "scenes", 12))


@pytest.fixture
def trainer(data: Dataset) -> CountedTrainer:
    torch.manual_seed(0)
    options: Any = {"decoder_channels": [16, 16, 8, 8, 8]}
    settings = EncoderSettings(weights="none", encoder="test_efficientnet", options=options)
    network = build_segmenter(settings, 2, SIDE)
    split = SplitRows(list(range(8)), list(range(8, 12)))
    return CountedTrainer(data, split, Settings(data.classes), network)


def same(first: MaskPredictions, second: MaskPredictions) -> bool:
    pairs = [*zip(first.levels, second.levels, strict=True), *zip(first.targets, second.targets, strict=True)]
    pairs += [(first.logits, second.logits), (first.pixels, second.pixels)]
    return all(np.array_equal(*pair) for pair in pairs)


def test_predictions_lie_at_full_size_beside_their_ground_truth(
    trainer: CountedTrainer, data: Dataset
) -> None:
    predictions = trainer.predict_validation(trainer.build_module("all"))
    assert len(predictions) == 4 and predictions.classes == 2
    for number, row in enumerate(trainer.split.validation):
        mask = data.mask(row)
        assert predictions.levels[number].shape == mask.shape
        assert predictions.levels[number].dtype == np.uint8 and predictions.levels[number].max() <= LEVELS
        assert np.array_equal(predictions.targets[number], mask)
    assert predictions.logits.shape == (4 * 500, 2) and predictions.pixels.shape == (4 * 500,)
    assert fit_temperature(predictions.logits, predictions.pixels) > 0


def test_the_network_runs_once_and_not_at_all_where_the_best_validation_had_these_weights(
    trainer: CountedTrainer,
) -> None:
    module = trainer.build_module("all")
    fresh = trainer.predict_validation(module)
    assert trainer.passes == 1
    trainer.validate(module, 0)
    retained = trainer.predict_validation(module)
    assert trainer.passes == 2 and same(fresh, retained)
    trainer.validate(module, 1)
    with torch.no_grad():
        next(module.parameters()).add_(0.1)
    assert not same(trainer.predict_validation(module), retained)
    assert trainer.passes == 4


def test_an_epoch_has_the_metrics_of_the_report_by_the_same_ids(trainer: CountedTrainer) -> None:
    metrics = trainer.validate(trainer.build_module("all"), 0).metrics
    assert metrics.keys() == {"mean_dice", "mean_iou"} <= TITLES.keys()
    assert 0 <= metrics["mean_iou"] <= metrics["mean_dice"] <= 1


def test_outputs_that_do_not_fit_into_memory_lie_in_a_scratch_file_with_the_same_result(
    trainer: CountedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = trainer.build_module("all")
    expected = trainer.predict_validation(module)
    monkeypatch.setattr(segment, "MOST_BYTES", 0)
    monkeypatch.setattr(ArraySpool.__init__, "__defaults__", ((), 0))
    trainer.validate(module, 0)  # keeps nothing
    assert same(trainer.predict_validation(module), expected)
    assert trainer.passes == 3


def test_without_validation_rows_there_are_no_predictions(data: Dataset, trainer: CountedTrainer) -> None:
    alone = SegmentTrainer(data, SplitRows([0, 1], []), trainer.settings, trainer.network)
    predictions = alone.predict_validation(alone.build_module("all"))
    assert len(predictions) == 0 and predictions.classes == 2


def test_folds_are_concatenated_in_order(trainer: CountedTrainer) -> None:
    predictions = trainer.predict_validation(trainer.build_module("all"))
    twice = concatenate_masks([predictions, predictions])
    assert len(twice) == 8 and len(twice.pixels) == 2 * len(predictions.pixels)
    assert np.array_equal(twice.levels[5], predictions.levels[1])
