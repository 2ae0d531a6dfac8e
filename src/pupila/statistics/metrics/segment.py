"""Metrics of segmentation, from counts of pixels: per image, pooled, per class.

The rule for empty masks. A class that neither truth nor answer has overlaps perfectly: 1 in all four figures; one that
only one of them has: 0 in all four. With two classes (background and one other) the other one's figures count in every
labelled image; with more, a class counts in the images where truth or answer has it (`told`). An image without a
labelled pixel counts nowhere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.metrics import classify

Array = NDArray[Any]


def counts(truth: Array, answer: Array, classes: int) -> Array:
    """(C, C) int64 pixels: row the true class, column the answer.

    Args:
        truth: (H, W) uint8, 0..C-1, or IGNORE for a pixel without a label, which never counts.
        answer: (H, W) uint8, 0..C-1.
        classes: C, 1..255.
    """
    cells = truth.ravel().astype(np.intp) * classes + answer.ravel()
    # IGNORE is beyond all classes, so its cells lie behind the matrix: cheaper to cut off than to choose pixels.
    found = np.bincount(cells, minlength=classes * classes)[: classes * classes]
    return found.reshape(classes, classes)


def judged(classes: int) -> list[int]:
    """The numbers of the classes whose figures count: of background and one other the other, else all."""
    return [1] if classes == 2 else list(range(classes))


def iou(matrix: Array) -> Array:
    """(..., C) shared / (truth or answer), of (..., C, C) counts."""
    shared = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _ruled(classify.ratio(shared, _either(matrix)), matrix)


def dice(matrix: Array) -> Array:
    """(..., C) 2 shared / (truth + answer), of (..., C, C) counts."""
    return _ruled(classify.f1(matrix), matrix)


def precision(matrix: Array) -> Array:
    """(..., C) shared / answer, of (..., C, C) counts."""
    return _ruled(classify.precision(matrix), matrix)


def recall(matrix: Array) -> Array:
    """(..., C) shared / truth, of (..., C, C) counts."""
    return _ruled(classify.recall(matrix), matrix)


METRICS: dict[str, Callable[[Array], Array]] = {
    "IoU": iou, "Dice": dice, "precision": precision, "recall": recall,
}  # fmt: skip
pixel_accuracy = classify.accuracy


def present(matrix: Array) -> Array:
    """(..., C) bool: whether truth or answer has a class, of (..., C, C) counts."""
    return np.asarray(_either(matrix) > 0)


def told(matrix: Array) -> Array:
    """(..., C) bool: whether a class's figures count, of (..., C, C) counts."""
    there = present(matrix)
    if matrix.shape[-1] == 2:
        there[..., 1] = matrix.sum(axis=(-2, -1)) > 0
    return there


def chosen_by(classes: int) -> str:
    """The figure of `METRICS` by which models are chosen and compared."""
    return "Dice" if classes == 2 else "IoU"


def image_scores(matrix: Array, metric: Callable[[Array], Array]) -> Array:
    """(...) mean of an image's classes that count, of (..., C, C) counts; 0 where none does."""
    own = judged(matrix.shape[-1])
    return classify.mean_of_present(metric(matrix)[..., own], told(matrix)[..., own])


def score(matrices: Array) -> float:
    """The one figure by which models are chosen, of (N, C, C) counts.

    Returns:
        Two classes: mean Dice per image. More: mean IoU of the classes, their pixels pooled over all images. 0 where no
        pixel is labelled.
    """
    if matrices.shape[-1] != 2:
        return float(image_scores(matrices.sum(axis=0), iou))
    labelled = matrices[matrices.any(axis=(-2, -1))]
    return float(image_scores(labelled, dice).mean()) if len(labelled) else 0.0


def constant(matrices: Array, number: int) -> Array:
    """The (..., C, C) counts of always answering one class, of the same images."""
    always = np.zeros_like(matrices)
    always[..., number] = matrices.sum(axis=-1)
    return always


def best_constant(matrices: Array) -> int:
    """The class that scores best when it is always answered: the baseline that a model has to beat.

    Not always the most frequent one: where most pixels are background, to answer it everywhere finds nothing.
    """
    return int(np.argmax([score(constant(matrices, number)) for number in range(matrices.shape[-1])]))


def most_frequent(matrices: Array) -> int:
    """The class of most labelled pixels: always answering it is the baseline of pixel accuracy."""
    return int(matrices.sum(axis=(0, 2)).argmax())


def _either(matrix: Array) -> Array:
    return np.asarray(matrix.sum(axis=-1) + matrix.sum(axis=-2) - np.diagonal(matrix, axis1=-2, axis2=-1))


def _ruled(values: Array, matrix: Array) -> Array:
    return np.where(present(matrix), values, 1.0)
