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
from pupila.statistics.intervals import Statistic
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.label_estimates import LabelCells, estimate_label_means, resample_metrics
from pupila.statistics.metrics.multilabel import overall_metrics, resampled_values
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
    cells = LabelCells(targets, groups)
    return ValidationSummary(
        n=len(targets),
        groups=len(set(groups.tolist())),
        metrics=estimate_label_means(cells, resample_metrics(cells, decisions, probabilities)),
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
    figures = overall_metrics(targets, shares >= 0.5, shares)
    return Baseline(
        name=say("prevalence"), metrics={name: value for name, value in figures.items() if value is not None}
    )


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    return prevalence_baseline(data.label_matrix[rows])


def _warn(data: Dataset, training: list[int], validation: list[int]) -> list[str]:
    """Which classes the training images can't teach, and which the validation images can't measure."""
    sentences = []
    shown, lacked = (_classes_with(data, training, value) for value in (PRESENT, ABSENT))
    never, always = (
        [name for name in data.classes if name in there and name not in missing]
        for there, missing in ((lacked, shown), (shown, lacked))
    )
    unknown = [name for name in data.classes if name not in shown and name not in lacked]
    if never:
        sentences.append(
            say("No training image shows {names}: the model learns only their absence.", names=listing(never))
        )
    if always:
        sentences.append(
            say("Every training image with a known label shows {names}: the model learns only their presence.",
                names=listing(always))
        )  # fmt: skip
    if unknown:
        sentences.append(
            say("Unknown in every training image: {names}. The model does not learn them.",
                names=listing(unknown))
        )  # fmt: skip
    return sentences + _warn_of_validation(data, validation)


def _warn_of_validation(data: Dataset, rows: list[int]) -> list[str]:
    """Which classes the validation images can't measure, and what chooses the epoch if that is all of them."""
    shown, lacked = (_classes_with(data, rows, value) for value in (PRESENT, ABSENT))
    missing = [name for name in data.classes if name not in shown]
    constant = [name for name in data.classes if name in shown and name not in lacked]
    if not rows:
        return []
    if not shown:
        return [say("No validation image shows a class, so the epoch with the lowest loss is chosen.")]
    sentences = []
    if missing:
        sentences.append(say(
            "Not measurable, as no validation image shows it: {names}. Means are over the other {n} of {total} "
            "classes.", names=listing(missing), n=len(shown), total=len(data.classes),
        ))  # fmt: skip
    if constant:
        sentences.append(say(
            "No validation image is known to lack {names}: average precision is 1 there in every epoch.",
            names=listing(constant),
        ))  # fmt: skip
    return sentences


def _classes_with(data: Dataset, rows: list[int], value: int) -> set[str]:
    """The classes that any of the rows has with this value."""
    there = (data.label_matrix[rows] == value).any(axis=0)
    return {name for name, occurs in zip(data.classes, there.tolist(), strict=True) if occurs}


def _paired_metric(data: Dataset, rows: list[int], logits: Array) -> Statistic:
    targets = np.tile(data.label_matrix[rows], (2, 1))
    values = resampled_values(targets, logits > 0, logits)
    return lambda times: values(times.astype(np.float64)).overall[_METRIC]


MULTILABEL_RECIPE = TrainingRecipe(
    task=MULTILABEL,
    metric=lambda classes: _METRIC,
    concatenate=lambda parts: np.concatenate(parts),
    is_collapsed=has_same_logits,
    calibrate=_calibrate,
    baseline=_baseline,
    baseline_name=mark("prevalence of each class"),
    paired_metric=_paired_metric,
    collapse=mark("The model gives every image nearly the same probabilities (collapsed)."),
    warnings=_warn,
)
