"""The class that post-processing costs most, on pixel counts made by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pupila.tasks.tuning.class_loss import ClassLoss, find_largest_loss

Array = NDArray[Any]


def counts(*pole: tuple[int, int], classes: int = 3) -> Array:
    """(V, C, C): of each image the pixels of the last class that are right, and taken for class 0; 50 of the others."""
    matrices = np.zeros((len(pole), classes, classes), np.int64)
    matrices[:, range(classes - 1), range(classes - 1)] = 50
    for matrix, (right, missed) in zip(matrices, pole, strict=True):
        matrix[-1, -1], matrix[-1, 0] = right, missed
    return matrices


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_that_loses_all_is_named(classes: int) -> None:
    before, after = counts((6, 2), (0, 0), classes=classes), counts((0, 8), (0, 0), classes=classes)
    assert find_largest_loss(before, after, np.arange(2)) == ClassLoss(classes - 1, 0.75, 0.0)


@pytest.mark.parametrize(("right", "lost"), [(4, False), (3, True)])  # IoU 0.8 to 0.4, and to 0.3
def test_a_class_in_few_groups_may_lose_half(right: int, lost: bool) -> None:
    before, after = counts((8, 2)), counts((right, 10 - right))
    assert (find_largest_loss(before, after, np.arange(1)) is not None) == lost


def test_a_small_loss_counts_where_it_is_significant() -> None:
    before, after = counts(*[(8, 2)] * 12), counts(*[(7, 3)] * 12)
    assert find_largest_loss(before, after, np.arange(12)) == ClassLoss(2, 0.8, 0.7)
    assert find_largest_loss(before, after, np.repeat(np.arange(6), 2)) is None  # too few groups
    mixed = counts(*[(7, 3), (9, 1)] * 5, (7, 3), (8, 2))
    assert find_largest_loss(before, mixed, np.arange(12)) is None


def test_a_class_that_was_never_right_has_nothing_to_lose() -> None:
    assert find_largest_loss(counts((0, 8)), counts((0, 8)), np.arange(1)) is None
    assert find_largest_loss(counts((6, 2)), counts((8, 0)), np.arange(1)) is None


def test_a_class_that_was_predicted_but_never_right_must_not_vanish_either() -> None:
    wrong, nowhere = counts((0, 8)), counts((0, 8))
    wrong[0, 0, 2] = 5  # of a pole, somewhere in the sky
    assert find_largest_loss(wrong, nowhere, np.arange(1)) == ClassLoss(2, 0.0, 0.0)
    wrong[0, 2], nowhere[0, 2] = 0, 0  # no target has one: it was a false alarm
    assert find_largest_loss(wrong, nowhere, np.arange(1)) is None


def test_the_background_of_two_classes_must_not_vanish() -> None:
    before, after = counts((6, 2), classes=2), counts((8, 0), classes=2)
    after[0, 0] = [0, 50]
    assert find_largest_loss(before, after, np.arange(1)) == ClassLoss(0, 50 / 52, 0.0)


def test_the_largest_of_several_losses_is_named() -> None:
    before, after = counts((8, 0)), counts((2, 6))
    after[0, 1] = [45, 5, 0]
    assert find_largest_loss(before, after, np.arange(1)) == ClassLoss(1, 1.0, 0.1)
