"""Masks against the best single class, in pairs: by hand, and against the counts themselves."""

import numpy as np
import pytest

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.segment.model_report import compare_with_constant
from pupila.statistics.metrics.segment import constant_counts, image_scores, iou


def two_classes(dice: list[tuple[int, int, int]]) -> Array:
    """(N, 2, 2) counts from true positives, false negatives and false positives, of 100 pixels."""
    return np.array([[[100 - hit - miss - false, false], [miss, hit]] for hit, miss, false in dice])


def test_six_images_that_win_are_significant_and_five_are_not() -> None:
    # Dice 1.0 against that of foreground everywhere, 2 * 20 / (20 + 100) = 1/3
    test = compare_with_constant(two_classes([(20, 0, 0)] * 6), np.arange(6), 1)
    assert (test.won, test.lost, test.groups, test.verdict) == (6, 0, 6, "better")
    assert test.p_value == 2 / 64
    few = compare_with_constant(two_classes([(20, 0, 0)] * 5), np.arange(5), 1)
    assert (few.p_value, few.verdict) == (2 / 32, "not distinguishable")


def test_masks_without_foreground_lose() -> None:
    test = compare_with_constant(two_classes([(0, 20, 0)] * 8), np.arange(8), 1)
    assert (test.won, test.lost, test.verdict) == (0, 8, "worse")


def test_more_classes_are_compared_by_the_pooled_iou() -> None:
    rng = np.random.default_rng(0)
    matrices = rng.integers(0, 20, (8, 3, 3)) + 40 * np.eye(3, dtype=int)
    groups = np.arange(8)
    test = compare_with_constant(matrices, groups, 0)
    always = constant_counts(matrices, 0)
    observed, extreme = _gap(matrices, always), 0
    for signs in range(2**8):
        swap = (signs >> groups & 1).astype(bool)[:, None, None]
        extreme += (
            abs(_gap(np.where(swap, always, matrices), np.where(swap, matrices, always))) >= observed - 1e-12
        )
    assert test.p_value == pytest.approx(extreme / 2**8)
    assert (test.won, test.verdict) == (8, "better")


def test_a_class_that_no_image_has_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    matrices = rng.integers(0, 20, (8, 3, 3)) + 10 * np.eye(3, dtype=int)
    more = np.zeros((8, 4, 4), dtype=int)
    more[:, :3, :3] = matrices
    assert compare_with_constant(more, np.arange(8), 0) == compare_with_constant(matrices, np.arange(8), 0)
    more[:, 0, 3] = 3  # predicted, and never right: pixels of the first class are lost
    assert compare_with_constant(more, np.arange(8), 0).groups == 8


def _gap(first: Array, other: Array) -> float:
    """Difference of the mean IoU of the classes, pooled over the images."""
    return float(image_scores(first.sum(axis=0), iou) - image_scores(other.sum(axis=0), iou))
