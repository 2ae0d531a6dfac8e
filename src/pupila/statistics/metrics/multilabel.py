"""Metrics of several labels on one image, where a label may be unknown.

A cell is one class of one image: 1 present, 0 absent, -1 unknown. An unknown cell counts in no metric. What nothing was
measured for is None, never 0: a class without positives has neither recall nor F1 nor average precision.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.statistics.metrics.ranking import ranking_areas, share

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
RANKING = {"average_precision", "roc_auc", "mean_average_precision"}  # need probabilities


class LabelMetrics(Record):
    """The metrics of one class, over the images in which it is known."""

    known: int
    positives: int  # of the known ones
    predicted: int  # of the known ones
    precision: float | None  # None: the class is never predicted
    recall: float | None  # None: no positive
    f1: float | None  # None: no positive
    average_precision: float | None  # None: no positive, or no scores
    roc_auc: float | None  # None: no positive or no negative, or no scores


class MultilabelMetrics(Record):
    """The metrics of all classes together, and of each."""

    classes: list[LabelMetrics]  # in their order
    measurable_classes: int  # classes with a positive: the means over classes are taken over these
    mean_average_precision: float | None  # None: no class has a positive, or no scores
    macro_f1: float | None  # None: no class has a positive
    micro_f1: float | None  # None: no class has a positive
    sample_f1: float | None  # None: no image shows a class, and none is predicted
    subset_accuracy: float | None  # None: no known cell
    hamming_loss: float | None  # None: no known cell


def multilabel_metrics(targets: Array, decisions: Array, scores: Array | None = None) -> MultilabelMetrics:
    """All metrics of N images.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool: whether the class is predicted.
        scores: (N, C) float, higher for present; None: no metric of a ranking.

    Returns:
        See `per_class_values` and `overall_values` for what is measurable.
    """
    once = np.ones((1, len(targets)))
    per_class = {
        name: values[0] for name, values in per_class_values(targets, decisions, scores)(once).items()
    }
    overall = {name: values[0] for name, values in overall_values(targets, decisions, scores)(once).items()}
    known, positive = targets >= 0, targets == 1
    counts = zip(known.sum(0), positive.sum(0), (known & decisions).sum(0), strict=True)
    return MultilabelMetrics(
        classes=[
            LabelMetrics(
                known=int(n), positives=int(there), predicted=int(named),
                **{name: none_if_nan(values[column]) for name, values in per_class.items()},
            )
            for column, (n, there, named) in enumerate(counts)
        ],
        measurable_classes=int(positive.any(axis=0).sum()),
        **{name: none_if_nan(value) for name, value in overall.items()},
    )  # fmt: skip


def mean_average_precision(targets: Array, scores: Array) -> float | None:
    """The mean average precision over the classes that have a positive.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        scores: (N, C) float: logits or probabilities, higher for present.

    Returns:
        0..1, or None where no class has a positive.
    """
    areas = _areas(targets, scores)(np.ones((1, len(targets))))[0]
    return none_if_nan(mean_of_measurable(areas)[0])


def per_class_values(
    targets: Array, decisions: Array, scores: Array | None = None
) -> Callable[[Array], dict[str, Array]]:
    """The metrics of each class as a function of (B, N) multiplicities: id -> (B, C), NaN where not measurable.

    Precision needs a prediction of the class: without one there is nothing that could be right or wrong. Recall, F1 and
    average precision need a positive: without one, F1 is 0 or undefined whatever is predicted, and measures nothing; false
    positives then count in precision, micro F1 and the Hamming loss. ROC AUC needs a negative, too.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool.
        scores: (N, C) float; None: no metric of a ranking is measurable.
    """
    count = _counts(targets, decisions)
    areas = _areas(targets, scores) if scores is not None else None

    def values(times: Array) -> dict[str, Array]:
        hits, predicted, positives = count(times)
        unmeasured = np.full(hits.shape, np.nan)
        precise, ranked = areas(times) if areas else (unmeasured, unmeasured)
        return {
            "precision": share(hits, predicted), "recall": share(hits, positives),
            "f1": _f1(hits, predicted, positives), "average_precision": precise, "roc_auc": ranked,
        }  # fmt: skip

    return values


def overall_values(
    targets: Array, decisions: Array, scores: Array | None = None
) -> Callable[[Array], dict[str, Array]]:
    """The metrics of all classes as a function of (B, N) multiplicities: id -> (B,), NaN where not measurable.

    The means over classes (mean average precision, macro F1) are taken over the classes with a positive. Micro F1 pools
    the known cells of all classes. Sample F1 is the mean over the images that show a class or are predicted to: in
    the others there is nothing to find. Subset accuracy is the share of images with all their known cells right; an
    image without a known cell does not count. The Hamming loss is the share of the known cells that are wrong.

    Args:
        targets: (N, C) int8: 1 present, 0 absent, -1 unknown.
        decisions: (N, C) bool.
        scores: (N, C) float; None: the mean average precision is not measurable.
    """
    count = _counts(targets, decisions)
    areas = _areas(targets, scores) if scores is not None else None
    known, positive = targets >= 0, targets == 1
    cells = known.sum(axis=1)
    wrong = (known & (positive != decisions)).sum(axis=1)
    labels = positive.sum(axis=1) + (known & decisions).sum(axis=1)
    per_image = 2 * (positive & decisions).sum(axis=1) / np.maximum(labels, 1)
    sums = np.stack([per_image, labels > 0, (wrong == 0) & (cells > 0), cells > 0, wrong, cells], axis=1)

    def values(times: Array) -> dict[str, Array]:
        hits, predicted, positives = count(times)
        drawn = (times @ sums.astype(np.float64)).T
        unmeasured = np.full(len(times), np.nan)
        return {
            "mean_average_precision": mean_of_measurable(areas(times)[0]) if areas else unmeasured,
            "macro_f1": mean_of_measurable(_f1(hits, predicted, positives)),
            "micro_f1": _f1(hits.sum(axis=1), predicted.sum(axis=1), positives.sum(axis=1)),
            "sample_f1": share(drawn[0], drawn[1]), "subset_accuracy": share(drawn[2], drawn[3]),
            "hamming_loss": share(drawn[4], drawn[5]),
        }  # fmt: skip

    return values


def mean_of_measurable(values: Array) -> Array:
    """(B,) mean of the (B, C) values that are not NaN; NaN where there is none."""
    there = ~np.isnan(values)
    return share(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1))


def none_if_nan(value: float) -> float | None:
    """The value, or None for NaN."""
    return None if np.isnan(value) else float(value)


def _counts(targets: Array, decisions: Array) -> Callable[[Array], tuple[Array, Array, Array]]:
    """(B, N) multiplicities to true positives, predictions and positives of the known cells, each (B, C)."""
    known, positive = targets >= 0, targets == 1
    parts = [part.astype(np.float64) for part in (positive & decisions, known & decisions, positive)]
    return lambda times: (times @ parts[0], times @ parts[1], times @ parts[2])


def _f1(hits: Array, predicted: Array, positives: Array) -> Array:
    """2 true positives / (predictions + positives); NaN without a positive."""
    return share(2 * hits, np.where(positives > 0, predicted + positives, 0))


def _areas(targets: Array, scores: Array) -> Callable[[Array], tuple[Array, Array]]:
    """(B, N) multiplicities to the average precision and ROC AUC of each class, each (B, C)."""

    def areas(times: Array) -> tuple[Array, Array]:
        shape = (len(times), targets.shape[1])
        precise, ranked = np.full(shape, np.nan), np.full(shape, np.nan)
        for column in range(shape[1]):
            known = targets[:, column] >= 0
            precise[:, column], ranked[:, column] = ranking_areas(
                targets[known, column] == 1, scores[known, column], times[:, known]
            )
        return precise, ranked

    return areas
