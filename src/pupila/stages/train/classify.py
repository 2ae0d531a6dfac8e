"""Train classifiers: a head on cached features, macro F1 on validation, calibration and a tuned threshold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.learning.engine import make_encoder
from pupila.learning.features import Features
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews, View
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.losses import OVERLAP_LOSSES, class_weights, make_loss, parse_loss
from pupila.learning.models.network import Network, Unfrozen
from pupila.stages.train.recipe import SplitRows, TrainingRecipe, ValidationResult
from pupila.stages.train.settings import (
    PROMPT_SETTINGS,
    TrainPlan,
    TrainSettings,
    conflicting_settings,
    skips_training,
)
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.classify import accuracy, confusion, macro_f1, majority_baseline
from pupila.statistics.metrics.estimates import estimate_overall
from pupila.statistics.metrics.threshold import parse_objective, rarer_class, tune_threshold
from pupila.tasks.classify import CLASSIFY, select_classes, softmax
from pupila.tasks.task import PostProcessing

_VALIDATION_BATCH = 64  # images
_FEATURE_BATCH = 4096


class ClassifyTrainer:
    """The `TaskTrainer` of classification.

    Args:
        data: the data set.
        split: training and validation rows.
        plan: of the run.
        network: is trained in place.
    """

    def __init__(self, data: Dataset, split: SplitRows, plan: TrainPlan, network: Network) -> None:
        self.split, self.plan, self.network = split, plan, network
        self.targets = class_indices(data.images["target"].to_list(), plan.classes)
        pictures = ResizedImages(data, network.preprocessing, [*split.train, *split.validation])
        self.views = AugmentedViews(pictures, plan.augment, plan.seed)
        counts = np.bincount(self.targets[split.train], minlength=len(plan.classes))
        weights = class_weights(counts, plan.class_weights)
        self.criterion = make_loss(plan.loss, None if weights is None else weights.to(plan.device), plan)
        self.chances = None
        if plan.sampling == "balanced":
            self.chances = 1.0 / np.maximum(counts, 1)[self.targets[split.train]]

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.split.train), self.plan.seed, epoch, self.chances)
        return chunks(np.asarray(self.split.train)[places], self.plan.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 images and (K,) int64 class indices."""
        return self.views.inputs([(row, view) for row in items]), self.targets[items]

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head."""
        return Unfrozen(self.network, unfreeze)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of a module that takes images."""
        return self.score_logits(self.predict_validation(module), epoch)

    def predict_validation(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        rows = chunks(np.asarray(self.split.validation, dtype=np.int64), _VALIDATION_BATCH)
        inputs = prefetch(
            rows, lambda some: self.views.inputs([(row, None) for row in some]), self.plan.workers
        )
        return _predict_logits(module, inputs, self.plan)

    def build_head_trainer(self) -> "ClassifyHeadTrainer":
        """Trains the head on cached features."""
        return ClassifyHeadTrainer(self)

    def score_logits(self, logits: Array, epoch: int) -> EpochResult:
        """Validation metrics of (V, C) logits; without validation rows the last epoch counts as the best."""
        if not len(logits):
            return EpochResult(
                score=float(epoch), loss=None, predicted_classes=len(self.plan.classes), metrics={}
            )
        targets, predictions = self.targets[self.split.validation], logits.argmax(axis=1)
        with torch.inference_mode():
            device = self.plan.device
            loss = self.criterion(torch.from_numpy(logits).to(device), torch.from_numpy(targets).to(device))
        matrix = confusion(targets, predictions, len(self.plan.classes))
        score = float(macro_f1(matrix))
        return EpochResult(
            score=score,
            loss=float(loss),
            predicted_classes=len(set(predictions.tolist())),
            metrics={"macro_f1": score, "accuracy": float(accuracy(matrix))},
        )


class ClassifyHeadTrainer:
    """Trains a head on features that are computed once per image and view."""

    def __init__(self, trainer: ClassifyTrainer) -> None:
        self.trainer, plan = trainer, trainer.plan
        self.features = Features(trainer.views, make_encoder(plan.engine, trainer.network, plan.device))
        self.views: list[View] = list(range(min(plan.augmented_views, plan.epochs)))
        train, validation = trainer.split.train, trainer.split.validation
        pairs = [(row, view) for view in self.views for row in train] + [(row, None) for row in validation]
        self.features.fill(pairs)
        self.module = trainer.network.head.to(plan.device)

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""
        self.module.train()
        batches = self.trainer.batches(epoch)
        view, device = self.views[epoch % len(self.views)], self.trainer.plan.device
        return len(batches), (
            (
                torch.from_numpy(self.features(rows, view)).to(device),
                torch.from_numpy(self.trainer.targets[rows]).to(device),
            )
            for rows in batches
        )

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""
        return self.trainer.score_logits(self.predict_validation(module), epoch)

    def predict_validation(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        some = chunks(np.asarray(self.trainer.split.validation, dtype=np.int64), _FEATURE_BATCH)
        return _predict_logits(module, (self.features(rows, None) for rows in some), self.trainer.plan)


def class_indices(names: list[str | None], classes: list[str]) -> Array:
    """(N,) int64 class indices of the names, -1 for None."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(str(name), -1) for name in names], dtype=np.int64)


def _predict_logits(module: nn.Module, inputs: Any, plan: TrainPlan) -> Array:
    """(V, C) float32 logits, computed in float32 for any training precision."""
    module.eval()
    with torch.inference_mode():
        logits = [module(torch.from_numpy(batch).to(plan.device)).float().cpu().numpy() for batch in inputs]
    return np.concatenate(logits) if logits else np.empty((0, len(plan.classes)), np.float32)


def _is_collapsed(logits: Array) -> bool:
    return len(logits) > 0 and len(set(logits.argmax(axis=1).tolist())) < 2


@dataclass(frozen=True, slots=True)
class _Validation:
    """Validation images: logits, class numbers, groups."""

    logits: Array
    numbers: Array
    groups: Array


def _calibrate(
    plan: TrainPlan, data: Dataset, logits: Array, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold, and the metrics of the resulting predictions."""
    numbers = class_indices(data.images["target"][rows].to_list(), plan.classes)
    temperature = fit_temperature(logits, numbers)
    post_processing = _tune_threshold(plan, logits, numbers, temperature)
    predictions = select_classes(softmax(logits / temperature), plan.classes, post_processing)
    return ValidationResult(
        temperature,
        post_processing,
        _summarize_validation(plan.classes, numbers, predictions, groups),
        pl.DataFrame({
            "prediction": pl.Series([plan.classes[number] for number in predictions], dtype=pl.String),
            **{f"logit:{name}": pl.Series(logits[:, number]) for number, name in enumerate(plan.classes)},
        }),
    )  # fmt: skip


def _summarize_validation(
    classes: list[str], numbers: Array, predictions: Array, groups: Array
) -> ValidationSummary | None:
    if not len(numbers):
        return None
    return ValidationSummary(
        n=len(numbers),
        groups=len(set(groups.tolist())),
        metrics=estimate_overall(numbers, predictions, groups, len(classes)),
        baseline=majority_baseline(numbers, classes),
    )


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    return majority_baseline(class_indices(data.images["target"][rows].to_list(), data.classes), data.classes)


def _tune_threshold(plan: TrainPlan, logits: Array, numbers: Array, temperature: float) -> PostProcessing:
    """The post-processing of the bundle; a threshold is tuned on validation."""
    post_processing = PostProcessing(abstain_below=plan.abstain_below)
    if plan.threshold is None or not len(logits):
        return post_processing
    named, objective = parse_objective(plan.threshold, plan.classes)
    positive = rarer_class(numbers) if named is None else named
    scores = softmax(logits / temperature)[:, positive]
    try:
        tuned = tune_threshold(objective, scores, numbers == positive)
    except PupilaError:  # no threshold reaches it; the report states this, and the trained model is kept
        tuned = None
    return post_processing.model_copy(
        update={"positive": plan.classes[positive], "threshold": tuned, "objective": plan.threshold}
    )


def _check_settings(settings: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2 and not skips_training(settings):
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if settings.class_weights != "none" and settings.sampling == "balanced":
        raise conflicting_settings(
            f"class_weights={settings.class_weights}, sampling=balanced",
            say("only one of them: together they count rare classes twice"),
            "--sampling natural",
        )
    if settings.threshold is not None:
        if len(data.classes) != 2:
            raise conflicting_settings(
                f"threshold={settings.threshold}",
                say("data with two classes, not {n}", n=len(data.classes)),
                "--threshold null",
            )
        parse_objective(settings.threshold, data.classes)
    overlaps = (
        [name for _, name in parse_loss(settings.loss) if name in OVERLAP_LOSSES]
        if settings.loss != "auto"
        else []
    )
    if overlaps:
        raise conflicting_settings(
            f"loss={settings.loss}",
            say("a segmentation task for {names}", names=listing(overlaps)),
            "--loss cross_entropy",
        )


CLASSIFY_RECIPE = TrainingRecipe(
    task=CLASSIFY,
    defaults=lambda network: {"loss": "cross_entropy", "epochs": 20, "finetune_epochs": 10},
    augment="A1",
    unused_settings=("encoder", "view", "overlap", "tversky_beta", *PROMPT_SETTINGS),
    metric=lambda classes: "macro_f1",
    max_batch_size=32,
    trainer=ClassifyTrainer,
    concatenate=lambda parts: np.concatenate(parts),
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=_baseline,
    check_settings=_check_settings,
    baseline_name=mark("majority class '{name}'"),
)
