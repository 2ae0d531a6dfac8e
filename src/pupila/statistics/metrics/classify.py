"""Classification metrics, computed from the confusion matrix.

Every function of a confusion matrix takes (..., C, C) and gives (...): a bootstrap passes many at once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.metrics.baseline import Baseline

Array = NDArray[Any]


def confusion(targets: Array, predictions: Array, classes: int) -> Array:
    """(C, C) int64: row the true class, column the predicted class."""
    counts = np.bincount(targets * classes + predictions, minlength=classes * classes)
    return counts.reshape(classes, classes)


def accuracy(matrix: Array) -> Array:
    """The share of correct predictions; 0 where there is no image."""
    return ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def precision(matrix: Array) -> Array:
    """(..., C): the share of a class's predictions that are correct; 0 where it is never predicted."""
    return ratio(_right(matrix), matrix.sum(axis=-2))


def recall(matrix: Array) -> Array:
    """(..., C): the share of a class's images that are predicted as it; 0 where there is none."""
    return ratio(_right(matrix), matrix.sum(axis=-1))


def f1(matrix: Array) -> Array:
    """(..., C): 2 correct / (images + predictions) of a class; 0 where both are 0."""
    return ratio(2 * _right(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def macro_f1(matrix: Array) -> Array:
    """Mean F1 over the classes that occur among the targets or the predictions."""
    return mean_of_present(f1(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def balanced_accuracy(matrix: Array) -> Array:
    """Mean recall over the classes that occur among the targets."""
    return mean_of_present(recall(matrix), matrix.sum(axis=-1))


# Of the whole, in the order of a report; per-class metrics stand beside them in a table of their own.
OVERALL: dict[str, Callable[[Array], Array]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}
PER_CLASS: dict[str, Callable[[Array], Array]] = {"precision": precision, "recall": recall, "f1": f1}


def majority_baseline(targets: Array, classes: list[str]) -> Baseline:
    """The baseline that predicts the majority class for every image.

    Args:
        targets: (N,) class numbers.
        classes: names.
    """
    most = int(np.bincount(targets, minlength=len(classes)).argmax())
    matrix = confusion(targets, np.full_like(targets, most), len(classes))
    return Baseline(
        name=classes[most], metrics={name: float(metric(matrix)) for name, metric in OVERALL.items()}
    )


def roc_auc(targets: Array, scores: Array) -> float | None:
    """The chance that a positive gets a higher score than a negative, ties counting half.

    Args:
        targets: (N,) bool.
        scores: (N,) float.

    Returns:
        0..1, or None where one of both kinds is missing.

    Source: Mann and Whitney's U over the product of the counts.
    """
    positives = int(targets.sum())
    negatives = len(targets) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # mean rank of equal scores
    return float((ranks[targets].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def ratio(part: Array, whole: Array) -> Array:
    """Part / whole, of equal shapes; 0 where the whole is 0."""
    return np.asarray(
        np.divide(part, whole, out=np.zeros(np.shape(part), dtype=np.float64), where=np.asarray(whole) > 0)
    )


def mean_of_present(values: Array, weight: Array) -> Array:
    """(...) mean of the (..., C) values whose weight is above 0; 0 where there is none."""
    present = weight > 0
    return ratio((values * present).sum(axis=-1), present.sum(axis=-1))


def _right(matrix: Array) -> Array:
    return np.diagonal(matrix, axis1=-2, axis2=-1)
