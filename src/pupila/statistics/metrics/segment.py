"""Segmentation metrics, from counts of pixels: per image, pooled, per class.

The rule for empty masks. A class in neither target nor prediction scores 1 in all four metrics; a class in only one of
them scores 0 in all four. With two classes (background and foreground) the foreground counts in every labelled image;
with more, a class counts in the images whose target or prediction has it (`scored_mask`). An image without a labelled
pixel is ignored. Of several classes, one that no target of a data set has counts in no mean: it could not be right.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.metrics import classify

Array = NDArray[Any]


def confusion_counts(target: Array, prediction: Array, classes: int) -> Array:
    """(C, C) int64 pixels: row the true class, column the predicted class.

    Args:
        target: (H, W) uint8, 0..C-1, or IGNORE for a pixel without a label, which never counts.
        prediction: (H, W) uint8, 0..C-1.
        classes: C, 1..255.
    """
    cells = target.ravel().astype(np.intp) * classes + prediction.ravel()
    # IGNORE is beyond all classes, so its cells come after the matrix: cutting them off is cheaper than a mask.
    pixels = np.bincount(cells, minlength=classes * classes)[: classes * classes]
    return pixels.reshape(classes, classes)


def scored_classes(classes: int) -> list[int]:
    """The numbers of the classes that are scored: the foreground of two classes, else all."""
    return [1] if classes == 2 else list(range(classes))


def iou(matrix: Array) -> Array:
    """(..., C) intersection / union, of (..., C, C) counts."""
    shared = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _apply_empty_rule(classify.ratio(shared, _either(matrix)), matrix)


def dice(matrix: Array) -> Array:
    """(..., C) 2 intersection / (target + prediction), of (..., C, C) counts."""
    return _apply_empty_rule(classify.f1(matrix), matrix)


def precision(matrix: Array) -> Array:
    """(..., C) intersection / prediction, of (..., C, C) counts."""
    return _apply_empty_rule(classify.precision(matrix), matrix)


def recall(matrix: Array) -> Array:
    """(..., C) intersection / target, of (..., C, C) counts."""
    return _apply_empty_rule(classify.recall(matrix), matrix)


METRICS: dict[str, Callable[[Array], Array]] = {
    "iou": iou, "dice": dice, "precision": precision, "recall": recall,
}  # fmt: skip
pixel_accuracy = classify.accuracy


def is_present(matrix: Array) -> Array:
    """(..., C) bool: whether a class is in target or prediction, of (..., C, C) counts."""
    return np.asarray(_either(matrix) > 0)


def scored_mask(matrix: Array) -> Array:
    """(..., C) bool: whether a class is scored, of (..., C, C) counts."""
    there = is_present(matrix)
    if matrix.shape[-1] == 2:
        there[..., 1] = matrix.sum(axis=(-2, -1)) > 0
    return there


def find_occurring(matrices: Array) -> Array:
    """(K,) bool: whether a scored class counts in a mean over classes, of (N, C, C) counts.

    Of several classes those that a target has; the foreground of two classes always counts.
    """
    if matrices.shape[-1] == 2:
        return np.ones(1, dtype=bool)
    return np.asarray(matrices.any(axis=(0, 2)))


def selection_metric(classes: int) -> str:
    """The metric in `METRICS` for model selection and comparison."""
    return "dice" if classes == 2 else "iou"


def headline_metric(classes: int) -> str:
    """Id of the metric that selects the epoch and that a summary starts with: `selection_metric`, aggregated."""
    return f"{'mean' if classes == 2 else 'pooled'}_{selection_metric(classes)}"


def image_scores(matrix: Array, metric: Callable[[Array], Array]) -> Array:
    """(...) mean of an image's classes that count, of (..., C, C) counts; 0 where none does."""
    own = scored_classes(matrix.shape[-1])
    return classify.mean_of_present(metric(matrix)[..., own], scored_mask(matrix)[..., own])


def selection_score(matrices: Array) -> float:
    """The metric for model selection, of (N, C, C) counts.

    Returns:
        Two classes: mean Dice per image. More: mean IoU of the classes that occur in a target, their pixels pooled over
        all images. 0 where no pixel is labelled.
    """
    if matrices.shape[-1] != 2:
        return float(classify.mean_of_present(iou(matrices.sum(axis=0)), find_occurring(matrices)))
    labelled = matrices[matrices.any(axis=(-2, -1))]
    return float(image_scores(labelled, dice).mean()) if len(labelled) else 0.0


def constant_counts(matrices: Array, number: int) -> Array:
    """The (..., C, C) counts of a baseline that predicts one class for every pixel of the same images."""
    always = np.zeros_like(matrices)
    always[..., number] = matrices.sum(axis=-1)
    return always


def best_constant_class(matrices: Array) -> int:
    """The class that scores best as a constant prediction: the baseline that a model has to beat.

    Not always the majority class: where most pixels are background, predicting it everywhere scores 0.
    """
    return int(
        np.argmax(
            [selection_score(constant_counts(matrices, number)) for number in range(matrices.shape[-1])]
        )
    )


def majority_class(matrices: Array) -> int:
    """The class of most labelled pixels: the majority-class baseline of pixel accuracy."""
    return int(matrices.sum(axis=(0, 2)).argmax())


def _either(matrix: Array) -> Array:
    return np.asarray(matrix.sum(axis=-1) + matrix.sum(axis=-2) - np.diagonal(matrix, axis1=-2, axis2=-1))


def _apply_empty_rule(values: Array, matrix: Array) -> Array:
    return np.where(is_present(matrix), values, 1.0)
