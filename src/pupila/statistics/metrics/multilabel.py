"""Metrics of several labels on one image, where a label may be unknown.

A cell is one class of one image: 1 present, 0 absent, -1 unknown. An unknown cell counts in no metric. What nothing was
measured for is None, never 0: a class without positives has neither recall nor F1 nor average precision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.metrics.ranking import rank_images, ranking_areas, share

Array = NDArray[Any]

PER_CLASS = ("precision", "recall", "f1", "average_precision", "roc_auc")
OVERALL = (
    "mean_average_precision",
    "macro_f1",
    "micro_f1",
    "sample_f1",
    "subset_accuracy",
    "hamming_loss",
)


@dataclass(frozen=True, slots=True)
class LabelValues:
    """The metrics in B resamples of N images, by id; NaN where one is not measurable."""

    per_class: dict[str, Array]  # each (B, C)
    overall: dict[str, Array]  # each (B,)


def overall_metrics(targets: Array, decisions: Array, scores: Array) -> dict[str, float | None]:
    """The metrics of all classes together, by id; None: not measurable, see `resampled_values`.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool: whether the class is predicted.
        scores: (N, C) float, higher for present.
    """
    values = resampled_values(targets, decisions, scores)(np.ones((1, len(targets))))
    return {name: none_if_nan(row[0]) for name, row in values.overall.items()}


def mean_average_precision(targets: Array, scores: Array) -> float | None:
    """The mean average precision over the classes that have a positive and a negative.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        scores: (N, C) float: logits or probabilities, higher for present.

    Returns:
        0..1, or None where no class has both.
    """
    areas = _areas(targets, scores)(np.ones((1, len(targets))))[0]
    return none_if_nan(mean_of_measurable(areas)[0])


def resampled_values(
    targets: Array, decisions: Array, scores: Array | None = None
) -> Callable[[Array], LabelValues]:
    """All metrics as a function of (B, N) multiplicities, for the bootstrap.

    Of a class: precision needs a prediction of it; without one there is nothing that could be right or wrong. Recall,
    F1 and average precision need a positive; without one, F1 is 0 or undefined whatever is predicted, and measures
    nothing (false positives then count in precision, micro F1 and the Hamming loss). Average precision and ROC AUC need
    a negative, too; without one, average precision is 1 whatever is predicted.

    Overall: the means over classes (mean average precision, macro F1) are taken over the classes that have one. Micro
    F1 pools the known cells of all classes. Sample F1 is the mean over the images that show a class or are predicted
    to; in the others there is nothing to find. Subset accuracy is the share of images with all their known cells right;
    an image without a known cell does not count. The Hamming loss is the share of the known cells that are wrong.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool: whether the class is predicted.
        scores: (N, C) float, higher for present; None: no metric of a ranking is measurable.
    """
    known, positive = targets >= 0, targets == 1
    cells = [part.astype(np.float64) for part in (positive & decisions, known & decisions, positive)]
    images = _image_sums(known, positive, decisions)
    areas = _areas(targets, scores) if scores is not None else None

    def values(times: Array) -> LabelValues:
        hits, predicted, positives = (times @ part for part in cells)
        drawn = (times @ images).T
        unmeasured = np.full(hits.shape, np.nan)
        precise, ranked = areas(times) if areas else (unmeasured, unmeasured)
        f1 = _f1(hits, predicted, positives)
        per_class = {
            "precision": share(hits, predicted), "recall": share(hits, positives), "f1": f1,
            "average_precision": precise, "roc_auc": ranked,
        }  # fmt: skip
        overall = {
            "mean_average_precision": mean_of_measurable(precise),
            "macro_f1": mean_of_measurable(f1),
            "micro_f1": _f1(hits.sum(axis=1), predicted.sum(axis=1), positives.sum(axis=1)),
            "sample_f1": share(drawn[0], drawn[1]), "subset_accuracy": share(drawn[2], drawn[3]),
            "hamming_loss": share(drawn[4], drawn[5]),
        }  # fmt: skip
        return LabelValues(per_class, overall)

    return values


def mean_of_measurable(values: Array) -> Array:
    """(B,) mean of the (B, C) values that are not NaN; NaN where there is none."""
    there = ~np.isnan(values)
    return share(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1))


def image_f1(targets: Array, decisions: Array) -> Array:
    """(N,) F1 of each image, whose mean is sample F1; NaN for one that neither shows a class nor is predicted to.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool.
    """
    sums = _image_sums(targets >= 0, targets == 1, decisions)
    return np.where(sums[:, 1] > 0, sums[:, 0], np.nan)


def none_if_nan(value: float) -> float | None:
    """The value, or None for NaN."""
    return None if np.isnan(value) else float(value)


def _image_sums(known: Array, positive: Array, decisions: Array) -> Array:
    """(N, 6) of each image: F1 and whether it is defined; all right and whether anything is known; wrong and known."""
    cells = known.sum(axis=1)
    wrong = (known & (positive != decisions)).sum(axis=1)
    labels = positive.sum(axis=1) + (known & decisions).sum(axis=1)
    f1 = 2 * (positive & decisions).sum(axis=1) / np.maximum(labels, 1)
    right = (wrong == 0) & (cells > 0)
    return np.stack([f1, labels > 0, right, cells > 0, wrong, cells], axis=1).astype(np.float64)


def _f1(hits: Array, predicted: Array, positives: Array) -> Array:
    """2 true positives / (predictions + positives); NaN without a positive."""
    return share(2 * hits, np.where(positives > 0, predicted + positives, 0))


def _areas(targets: Array, scores: Array) -> Callable[[Array], tuple[Array, Array]]:
    """(B, N) multiplicities to the average precision and ROC AUC of each class, each (B, C)."""

    rankings = [
        rank_images(target[target >= 0] == 1, score[target >= 0], np.flatnonzero(target >= 0))
        for target, score in zip(targets.T, scores.T, strict=True)
    ]

    def areas(times: Array) -> tuple[Array, Array]:
        columns = [ranking_areas(ranking, times) for ranking in rankings]
        return np.stack([area for area, _ in columns], axis=1), np.stack(
            [area for _, area in columns], axis=1
        )

    return areas
