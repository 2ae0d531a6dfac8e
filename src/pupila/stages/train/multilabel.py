"""Finish the training of multi-label classifiers: calibration, thresholds, metrics and baseline."""

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.predictions.multilabel import LABELS, write_predicted_labels
from pupila.core.messages import listing, mark, say
from pupila.imaging.images.decode import Array
from pupila.learning.trainers.multilabel import has_same_logits
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.task_settings.multilabel import MultilabelTrainPlan
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.multilabel import OVERALL, multilabel_metrics
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN, label_matrix
from pupila.tasks.multilabel import MULTILABEL, calibrated_probabilities, decide_labels
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.multilabel import tune_labels

_METRIC = "mean_average_precision"


def _calibrate(
    plan: MultilabelTrainPlan, data: Dataset, logits: Array, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, biases, thresholds, and the metrics of the resulting predictions."""
    targets = label_matrix(data.images["target"][rows].to_list(), plan.classes)
    calibration = tune_labels(logits, targets, plan.classes, PostProcessing(abstain_below=plan.abstain_below))
    probabilities = calibrated_probabilities(logits, calibration.temperature, calibration.post_processing)
    decisions = decide_labels(probabilities, calibration.post_processing)
    names = np.array(plan.classes, dtype=object)
    labels = [write_predicted_labels(names[row].tolist()) for row in decisions]
    return ValidationResult(
        calibration,
        _summarize_validation(targets, decisions, probabilities, groups),
        pl.DataFrame({
            LABELS: pl.Series(labels, dtype=pl.String),
            **{logit_column(name): pl.Series(logits[:, number]) for number, name in enumerate(plan.classes)},
        }),
    )  # fmt: skip


def _summarize_validation(
    targets: Array, decisions: Array, probabilities: Array, groups: Array
) -> ValidationSummary | None:
    if not len(targets):
        return None
    metrics = multilabel_metrics(targets, decisions, probabilities)
    return ValidationSummary(
        n=len(targets),
        groups=len(set(groups.tolist())),
        metrics={name: Estimate(value=getattr(metrics, name)) for name in OVERALL},
        baseline=prevalence_baseline(targets),
    )


def prevalence_baseline(targets: Array) -> Baseline:
    """The baseline that gives every image the prevalence of each class as its probability.

    Args:
        targets: (N, C): 1 present, 0 absent, -1 unknown.

    Returns:
        Its metrics without those that are not measurable; a class is predicted from a prevalence of 0.5.
    """
    positives, known = (targets == PRESENT).sum(axis=0), (targets != UNKNOWN).sum(axis=0)
    shares = np.broadcast_to(positives / np.maximum(known, 1), targets.shape)
    metrics = multilabel_metrics(targets, shares >= 0.5, shares)
    figures = {name: getattr(metrics, name) for name in OVERALL}
    return Baseline(
        name=say("prevalence"), metrics={name: value for name, value in figures.items() if value is not None}
    )


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    return prevalence_baseline(data.label_matrix[rows])


def _warn(data: Dataset, training: list[int], validation: list[int]) -> list[str]:
    """Which classes the training images can't teach, and whether the validation images can choose an epoch."""
    sentences = []
    targets = data.label_matrix[training]
    if never := _classes_without(targets, PRESENT, data.classes):
        sentences.append(
            say("No training image shows {names}: the model learns only their absence.", names=listing(never))
        )
    if always := _classes_without(targets, ABSENT, data.classes):
        sentences.append(
            say("Every labelled training image shows {names}: the model learns only their presence.",
                names=listing(always))
        )  # fmt: skip
    if validation and not (data.label_matrix[validation] == PRESENT).any():
        sentences.append(
            say("No validation image shows a class, so the epoch with the lowest loss is chosen.")
        )
    return sentences


def _classes_without(targets: Array, value: int, classes: list[str]) -> list[str]:
    """The classes that no image has with this value."""
    there = (targets == value).any(axis=0)
    return [name for name, occurs in zip(classes, there.tolist(), strict=True) if not occurs]


MULTILABEL_RECIPE = TrainingRecipe(
    task=MULTILABEL,
    metric=lambda classes: _METRIC,
    concatenate=lambda parts: np.concatenate(parts),
    is_collapsed=has_same_logits,
    calibrate=_calibrate,
    baseline=_baseline,
    baseline_name=mark("prevalence of each class"),
    collapse=mark("The model gives every image nearly the same probabilities (collapsed)."),
    warnings=_warn,
)
