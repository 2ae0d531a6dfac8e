"""Figures of masks over many images: known means, the empty rule in them, intervals that count groups."""

import numpy as np
import pytest

from pupila.core.vocabulary import IGNORE
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, wilson_interval
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import (
    FIGURES,
    Array,
    OverlapCounts,
    OverlapSummary,
    overlap_statistics,
    summarise_overlaps,
)
from pupila.statistics.metrics.segment import confusion_counts, selection_score
from tests.statistics.known import parts, width


def overlaps(pairs: list[tuple[Array, Array]], classes: int) -> OverlapCounts:
    return OverlapCounts(
        *(np.stack([of(*pair, classes) for pair in pairs]) for of in (confusion_counts, boundary_counts))
    )


def flat(*marks: str) -> list[tuple[Array, Array]]:
    """Pairs of one-row masks from `target/prediction`; `.` is a pixel without a label."""
    masks = [
        np.array([[IGNORE if mark == "." else int(mark) for mark in part]], dtype=np.uint8)
        for pair in marks for part in pair.split("/")
    ]  # fmt: skip
    return list(zip(masks[::2], masks[1::2], strict=True))


def drawn(n: int, classes: int, seed: int = 0) -> OverlapCounts:
    """N images whose predictions are about right."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, (n, 6, 8), dtype=np.uint8)
    predictions = np.where(
        rng.random(targets.shape) < 0.7, targets, rng.integers(0, classes, targets.shape)
    ).astype(np.uint8)
    return overlaps(list(zip(targets, predictions, strict=True)), classes)


def every(summary: OverlapSummary) -> list[Estimate]:
    """All values with their intervals in a summary."""
    spread = [e for row in summary.per_image.values() for e in (row.mean, row.median, row.worst)]
    parts = [
        summary.pooled,
        *(part for row in summary.classes.values() for part in (row.per_image, row.pooled)),
    ]
    return [*spread, summary.pixel_accuracy, *(e for part in parts for e in part.values())]


def test_two_classes_by_hand() -> None:
    # Dice 0.5, 1 (both empty), 0 (false positive); an image without a label is counted, and counts nowhere
    result = summarise_overlaps(
        overlaps(flat("1100/1010", "0000/0000", "0000/0100", "..../1111"), 2), np.arange(4), ["land", "water"]
    )
    assert (result.images, result.groups, result.unlabelled) == (3, 3, 1)
    assert [getattr(result.per_image["dice"], kind).value for kind in ("mean", "median", "worst")] == [
        0.5,
        0.5,
        0.0,
    ]
    assert result.per_image["iou"].mean.value == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert result.pooled["iou"].value == pytest.approx(1 / 4)  # intersection 1, union 4
    assert result.pixel_accuracy.value == pytest.approx(9 / 12)
    assert list(result.classes) == ["water"]  # the background has no figures of its own
    water = result.classes["water"]
    assert (water.images, water.groups) == (1, 1)
    assert water.per_image["dice"].value == 0.5
    assert OverlapSummary.model_validate_json(result.model_dump_json()) == result


def test_more_classes_by_hand() -> None:
    result = summarise_overlaps(
        overlaps(flat("0022/0002", "0011/0011", "0000/0000"), 4), np.arange(3), ["a", "b", "c", "never"]
    )
    means = [(2 / 3 + 1 / 2) / 2, 1.0, 1.0]
    assert result.per_image["iou"].mean.value == pytest.approx(np.mean(means))
    assert result.per_image["iou"].worst.value == pytest.approx(means[0])
    pooled = {name: row.pooled["iou"].value for name, row in result.classes.items()}
    assert pooled == {"a": pytest.approx(8 / 9), "b": 1.0, "c": 0.5, "never": None}
    assert result.pooled["iou"].value == pytest.approx((8 / 9 + 1 + 1 / 2) / 3)
    assert [row.images for row in result.classes.values()] == [3, 1, 1, 0]
    # of its images only: b is in one
    assert result.classes["b"].per_image["iou"].value == 1.0
    assert result.classes["a"].per_image["iou"].value == pytest.approx((2 / 3 + 1 + 1) / 3)


def test_a_region_amid_unlabelled_pixels_has_no_boundary_to_score() -> None:
    targets = np.full((9, 9), IGNORE, dtype=np.uint8)
    targets[4, 4] = 1
    result = summarise_overlaps(
        overlaps([(targets, np.ones_like(targets)), *flat("11/11")], 2), np.arange(2), ["a", "b"]
    )
    assert result.per_image["boundary_iou"].mean.value == 1.0
    wrong = summarise_overlaps(
        overlaps([(targets, np.zeros_like(targets)), *flat("11/11")], 2), np.arange(2), ["a", "b"]
    )
    assert wrong.per_image["dice"].mean.value == 0.5
    assert wrong.per_image["boundary_iou"].mean.value == 1.0  # of the one image that has one


@pytest.mark.parametrize("classes", [2, 4])
def test_a_resample_gives_the_metrics_of_its_images(classes: int) -> None:
    result, rng = drawn(30, classes), np.random.default_rng(1)
    for times in rng.integers(0, 3, (8, 30)):
        again = result.select(np.repeat(np.arange(30), times))
        ones = np.ones((1, int(times.sum())), dtype=np.int64)
        expected = overlap_statistics(again, ones)[0]
        assert overlap_statistics(result, times[None])[0] == pytest.approx(expected)
        assert expected[1] == pytest.approx(np.median(again.scores[0], axis=0))
        assert expected[2] == pytest.approx(again.scores[0].min(axis=0))


@pytest.mark.parametrize("classes", [2, 3])
def test_every_value_lies_in_its_interval_and_few_groups_have_none(classes: int) -> None:
    names = [str(number) for number in range(classes)]
    result = drawn(6 * MIN_GROUPS, classes)
    rows = every(summarise_overlaps(result, np.arange(6 * MIN_GROUPS) // 6, names))
    assert len(rows) == 3 * len(FIGURES) + len(FIGURES) + 1 + 2 * len(FIGURES) * (1 if classes == 2 else 3)
    assert all([0, *parts(row), 1] == sorted([0, *parts(row), 1]) for row in rows)
    few = every(summarise_overlaps(result, np.arange(6 * MIN_GROUPS) % (MIN_GROUPS - 1), names))
    assert [row.value for row in few] == [row.value for row in rows]
    assert {row.low for row in few} == {row.high for row in few} == {None}


def test_ten_photos_of_one_place_do_not_count_as_ten() -> None:
    single = drawn(30, 2)
    ten = single.select(np.repeat(np.arange(30), 10))
    alone, grouped = (
        summarise_overlaps(ten, groups, ["a", "b"]).per_image["dice"].mean
        for groups in (np.arange(300), np.repeat(np.arange(30), 10))
    )
    # 300 witnesses instead of 30 would be sqrt(10) = 3.2 times as sure
    assert width(grouped) / width(alone) == pytest.approx(3.2, rel=0.25)


def test_a_class_in_few_groups_has_no_interval_and_takes_that_of_the_pooled_mean() -> None:
    result = overlaps(flat(*["0011/0010"] * 20, *["0012/0012"] * 5), 3)
    report = summarise_overlaps(result, np.arange(25), ["a", "b", "c"])
    assert report.classes["c"].pooled["iou"].low is report.pooled["iou"].low is None
    assert report.classes["b"].pooled["iou"].low is not None
    assert report.per_image["iou"].mean.low is not None


def test_the_interval_of_all_correct_counts_groups() -> None:
    result = overlaps(flat(*["0011/0011"] * 48), 2)
    row = summarise_overlaps(result, np.arange(48) // 2, ["a", "b"]).per_image["dice"].mean
    assert (row.value, row.low, row.high) == (1.0, *wilson_interval(24, 24))


def test_a_class_that_no_target_has_counts_in_no_mean() -> None:
    """Of four classes the last is in no target; 8 pixels of the first are taken for it."""
    counts = np.zeros((12, 4, 4), np.int64)
    counts[:, 0, 0], counts[:, 1, 1], counts[:, 2, 2] = 20, 10, 30
    counts[:, 2, 1] = 10
    absent = summarise_overlaps(
        OverlapCounts(counts, np.zeros((12, 4, 3), np.int64)), np.arange(12), ["a", "b", "c", "d"]
    )
    # IoU 1, 10/20 and 30/40; the class that is neither in a target nor predicted is not the 1 of an empty mask
    assert absent.pooled["iou"].value == absent.per_image["iou"].mean.value == pytest.approx(2.25 / 3)
    counts[:, 0, 3] = 8
    predicted = summarise_overlaps(
        OverlapCounts(counts, np.zeros((12, 4, 3), np.int64)), np.arange(12), ["a", "b", "c", "d"]
    )
    # it is predicted: a loses 8 of 28, and d has no IoU of 0 in the mean
    expected = pytest.approx((20 / 28 + 1.25) / 3)
    assert predicted.pooled["iou"].value == predicted.per_image["iou"].mean.value == expected
    assert predicted.classes["d"].pooled["iou"].value is None
    assert selection_score(counts) == expected
