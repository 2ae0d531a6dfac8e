"""Finish the training of classifiers: calibration, metrics and baseline."""

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import PREDICTION, logit_column
from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.learning.trainers.classify import class_indices
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.task_settings.classify import ClassifyTrainPlan
from pupila.statistics.intervals import Statistic
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.classify import macro_f1, majority_baseline
from pupila.statistics.metrics.estimates import estimate_overall, resampled_metric
from pupila.tasks.classify import CLASSIFY, select_classes, softmax
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.classify import tune_classes


def _is_collapsed(logits: Array) -> bool:
    return len(logits) > 0 and len(set(logits.argmax(axis=1).tolist())) < 2


def _calibrate(
    plan: ClassifyTrainPlan, data: Dataset, logits: Array, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold, and the metrics of the resulting predictions."""
    targets = class_indices(data.images["target"][rows].to_list(), plan.classes)
    start = PostProcessing(abstain_below=plan.abstain_below)
    calibration = tune_classes(logits, targets, plan.classes, start, plan.threshold)
    probabilities = softmax(logits / calibration.temperature)
    predictions = select_classes(probabilities, plan.classes, calibration.post_processing)
    return ValidationResult(
        calibration,
        _summarize_validation(plan.classes, targets, predictions, groups),
        pl.DataFrame({
            PREDICTION: pl.Series([plan.classes[number] for number in predictions], dtype=pl.String),
            **{logit_column(name): pl.Series(logits[:, number]) for number, name in enumerate(plan.classes)},
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


def _paired_metric(data: Dataset, rows: list[int], logits: Array) -> Statistic:
    targets = class_indices(data.images["target"][rows].to_list(), data.classes)
    return resampled_metric(np.tile(targets, 2), logits.argmax(axis=1), len(data.classes), macro_f1)


CLASSIFY_RECIPE = TrainingRecipe(
    task=CLASSIFY,
    metric=lambda classes: "macro_f1",
    concatenate=lambda parts: np.concatenate(parts),
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=_baseline,
    baseline_name=mark("majority class '{name}'"),
    paired_metric=_paired_metric,
)
