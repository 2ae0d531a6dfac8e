"""Boundary IoU: how well the outlines fit, which plain IoU hardly sees in large regions."""

from collections.abc import Callable
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE
from pupila.statistics.metrics.classify import ratio

Array = NDArray[Any]

WIDTH = 0.02  # of the image's diagonal


def boundary_counts(target: Array, prediction: Array, classes: int) -> Array:
    """(C, 3) int64 pixels of each class's boundary: shared, of the target, of the prediction.

    A pixel lies on its class's boundary if a pixel of another class, or the outside of the image, is no more than
    2 % of the diagonal (at least one pixel) away, along the rows and along the columns. A pixel without a label
    neither counts nor makes a boundary.

    Args:
        target: (H, W) uint8, 0..C-1, or IGNORE.
        prediction: (H, W) uint8, 0..C-1.
        classes: C, 1..255.

    Source: Cheng et al. 2021, arXiv:2103.16562, whose code erodes by a 3 x 3 square so many times.
    """
    ignored = target == IGNORE
    reach = max(1, round(WIDTH * hypot(*target.shape)))
    target_boundary, predicted_boundary = (
        _boundary(labels, ignored, reach) for labels in (target, prediction)
    )
    shared = target_boundary & predicted_boundary & (target == prediction)
    chosen = (target[shared], target[target_boundary], prediction[predicted_boundary])
    return np.stack([np.bincount(labels, minlength=classes) for labels in chosen], axis=1)


def boundary_iou(counts: Array) -> Array:
    """(..., C) intersection / union, of (..., C, 3) boundary counts; 1 where there is no boundary."""
    either = counts[..., 1] + counts[..., 2] - counts[..., 0]
    return np.where(either > 0, ratio(counts[..., 0], either), 1.0)


def _boundary(labels: Array, ignored: Array, reach: int) -> Array:
    """(H, W) bool: labelled pixels in whose square window not all labels are one, for all classes in one go."""
    window = 2 * reach + 1
    lowest = _filter_windows(np.where(ignored, 255, labels).astype(np.uint8), window, np.minimum)
    highest = _filter_windows(np.where(ignored, 0, labels).astype(np.uint8), window, np.maximum)
    edge = ~ignored
    height, width = labels.shape
    edge[reach : height - reach, reach : width - reach] &= lowest != highest
    return edge


def _filter_windows(pixels: Array, window: int, pick: Callable[[Array, Array], Array]) -> Array:
    """(H - window + 1, W - window + 1) extremes of square windows; twice as wide a window with each step."""
    for _ in range(2):
        size = 1
        while 2 * size <= window:
            pixels, size = pick(pixels[:-size], pixels[size:]), 2 * size
        rest = window - size
        pixels = (pick(pixels[:-rest], pixels[rest:]) if rest else pixels).T
    return pixels
