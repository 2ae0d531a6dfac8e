"""Metrics of masks against figures worked out by hand; empty masks, unlabelled pixels, boundaries."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from pupila.core.vocabulary import IGNORE
from pupila.statistics.metrics import segment
from pupila.statistics.metrics.boundary import boundary_counts, boundary_iou
from pupila.statistics.metrics.segment import METRICS, Array, confusion_counts, scored_mask


def mask(*rows: str) -> Array:
    """A mask from digits; `.` is a pixel without a label."""
    return np.array([[IGNORE if mark == "." else int(mark) for mark in row] for row in rows], dtype=np.uint8)


def blocks(seed: int, shape: tuple[int, int], classes: int, side: int = 8) -> Array:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (shape[0] // side + 1, shape[1] // side + 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((side, side), dtype=np.uint8))[: shape[0], : shape[1]]


def figures(targets: Array, prediction: Array, classes: int) -> dict[str, Any]:
    """The rounded figures of the classes that count, and None for the others."""
    matrix = confusion_counts(targets, prediction, classes)
    return {
        name: [
            round(float(value), 3) if counting else None
            for value, counting in zip(metric(matrix), scored_mask(matrix), strict=True)
        ]
        for name, metric in METRICS.items()
    }  # fmt: skip


def test_counts_by_hand() -> None:
    result = confusion_counts(mask("0011", "022."), mask("0101", "0210"), 3)
    assert result.tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 1]]  # the pixel without a label is nowhere
    assert result.dtype == np.int64 and result.sum() == 7


def test_the_highest_class_is_not_the_ignore_index() -> None:
    targets = np.array([[253, 254, IGNORE]], dtype=np.uint8)
    result = confusion_counts(targets, np.array([[254, 254, 254]], dtype=np.uint8), 255)
    assert (result[253, 254], result[254, 254], result.sum()) == (1, 1, 2)


def test_half_an_overlap() -> None:
    # shared 1, target 2, prediction 2: 1/3, 2/4, 1/2, 1/2; of the background shared 1 of 2 and 2 as well
    result = figures(mask("1100"), mask("1010"), 2)
    assert result == {"iou": [0.333] * 2, "dice": [0.5] * 2, "precision": [0.5] * 2, "recall": [0.5] * 2}
    lopsided = figures(mask("1111", "0000"), mask("1000", "0000"), 2)
    assert [lopsided[name][1] for name in METRICS] == [0.25, 0.4, 1.0, 0.25]


EMPTY = {  # target, prediction, the value of the foreground, in all four metrics
    "both empty": ("0000", "0000", 1.0),
    "only the prediction has it": ("0000", "0100", 0.0),
    "only targets has it": ("0100", "0000", 0.0),
    "it was answered where no label is": ("00..", "0011", 1.0),
    "all of it": ("1111", "1111", 1.0),
}


@pytest.mark.parametrize("case", sorted(EMPTY))
def test_the_rule_for_empty_masks_with_two_classes(case: str) -> None:
    targets, prediction, figure = EMPTY[case]
    result = figures(mask(targets), mask(prediction), 2)
    assert [result[name][1] for name in METRICS] == [figure] * 4


def test_with_more_classes_one_that_is_nowhere_is_left_out() -> None:
    result = figures(mask("0022"), mask("0002"), 4)
    assert result["iou"] == [0.667, None, 0.5, None]
    wrong = figures(mask("0000"), mask("0003"), 4)
    assert [values[3] for values in wrong.values()] == [0.0] * 4  # answered though it is not there
    matrix = confusion_counts(mask("0022"), mask("0002"), 4)
    assert float(segment.image_scores(matrix, segment.iou)) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_an_image_without_a_label_is_ignored() -> None:
    for classes in (2, 3):
        nothing = confusion_counts(mask("...."), mask("0110"), classes)
        assert not scored_mask(nothing).any()
        some = confusion_counts(mask("1100"), mask("1010"), classes)
        assert segment.selection_score(np.stack([some, nothing])) == segment.selection_score(some[None])
        assert segment.selection_score(nothing[None]) == 0.0


def test_models_are_selected_by_dice_per_image_or_by_pooled_iou() -> None:
    two = np.stack(
        [confusion_counts(mask("1100"), mask("1010"), 2), confusion_counts(mask("0000"), mask("0000"), 2)]
    )
    assert segment.selection_score(two) == (0.5 + 1) / 2
    three = np.stack(
        [confusion_counts(mask("0022"), mask("0002"), 3), confusion_counts(mask("0000"), mask("0000"), 3)]
    )
    assert segment.selection_score(three) == pytest.approx(
        (6 / 7 + 1 / 2) / 2
    )  # pooled; the class that is nowhere left out


def test_the_baseline_is_the_stronger_constant() -> None:
    # three of ten pixels are foreground: the background is more frequent, yet everything foreground scores more
    matrices = confusion_counts(mask("1110000000"), mask("0" * 10), 2)[None]
    assert (segment.majority_class(matrices), segment.best_constant_class(matrices)) == (0, 1)
    always = [segment.constant_counts(matrices, k) for k in (0, 1)]
    assert [float(segment.pixel_accuracy(m)[0]) for m in always] == [0.7, 0.3]
    assert [segment.selection_score(m) for m in always] == [0.0, pytest.approx(6 / 13)]
    # where most images have none of it, nothing everywhere is hard to beat
    rare = np.concatenate(
        [matrices, np.repeat(confusion_counts(mask("0" * 10), mask("0" * 10), 2)[None], 4, axis=0)]
    )
    assert (segment.best_constant_class(rare), segment.selection_score(segment.constant_counts(rare, 0))) == (
        0,
        0.8,
    )


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_are_shares_and_a_stack_gives_those_of_each(name: str) -> None:
    stack = np.stack(
        [confusion_counts(blocks(k, (40, 56), 4), blocks(k + 9, (40, 56), 4), 5) for k in range(6)]
    )
    result = METRICS[name](stack)
    assert result.shape == (6, 5)
    assert ((result >= 0) & (result <= 1)).all()
    assert np.array_equal(result, np.stack([METRICS[name](counts) for counts in stack]))
    targets = blocks(1, (40, 56), 3)
    assert METRICS[name](confusion_counts(targets, targets, 3)).tolist() == [1.0] * 3


def test_a_boundary_by_hand() -> None:
    # 10 x 10: the diagonal is 14.1, so one pixel wide. Squares of 6 x 6 have rims of 20; moved by one column, they
    # share five pixels of the upper side and five of the lower. The background has the frame of the image, 36, and
    # the 28 pixels around the square.
    targets, prediction = (np.zeros((10, 10), dtype=np.uint8) for _ in range(2))
    targets[2:8, 2:8], prediction[2:8, 3:9] = 1, 1
    result = boundary_counts(targets, prediction, 2)
    assert result[1].tolist() == [10, 20, 20]
    assert result[0, 1] == 36 + 28
    assert boundary_iou(result)[1] == pytest.approx(10 / 30)


def eroded(targets: Array, prediction: Array, classes: int) -> Array:
    """The method of the paper, class by class: erode by 3 x 3 so many times, the outside of the image being empty."""
    ignored, times = targets == IGNORE, max(1, round(0.02 * float(np.hypot(*targets.shape))))

    def rim(own: Array) -> Array:
        inner = binary_erosion(np.pad(own | ignored, 1), np.ones((3, 3)), iterations=times)
        return np.asarray(own & ~inner[1:-1, 1:-1] & ~ignored)

    rims = [(rim(targets == k), rim(prediction == k)) for k in range(classes)]
    return np.array([[(ours & theirs).sum(), ours.sum(), theirs.sum()] for ours, theirs in rims])


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (7, 5), (100, 101), (64, 210)])
@pytest.mark.parametrize("unlabelled", [0.0, 0.02])
def test_boundaries_are_those_of_the_paper(shape: tuple[int, int], unlabelled: float) -> None:
    targets, prediction = blocks(0, shape, 3), np.roll(blocks(0, shape, 3), 2, axis=1)
    targets[np.random.default_rng(1).random(shape) < unlabelled] = IGNORE
    assert np.array_equal(boundary_counts(targets, prediction, 3), eroded(targets, prediction, 3))


def test_no_label_makes_no_boundary() -> None:
    targets = np.full((40, 40), 1, dtype=np.uint8)
    targets[10:30, 10:30] = IGNORE
    prediction = np.where(targets == IGNORE, 0, 1).astype(np.uint8)
    result = boundary_counts(targets, prediction, 2)
    assert result[1].tolist() == [40 * 4 - 4] * 3  # the image's own frame alone
    assert result[0].tolist() == [0, 0, 0]
