"""Figures of masks over many images: known means, the empty rule in them, intervals that count groups."""

import json
from typing import Any

import numpy as np
import pytest

from pupila.core.vocabulary import IGNORE
from pupila.statistics.intervals import FEW_GROUPS, wilson_interval
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import FIGURES, Array, Overlaps, statistics, summary
from pupila.statistics.metrics.segment import counts


def overlaps(pairs: list[tuple[Array, Array]], classes: int) -> Overlaps:
    return Overlaps(*(np.stack([of(*pair, classes) for pair in pairs]) for of in (counts, boundary_counts)))


def flat(*marks: str) -> list[tuple[Array, Array]]:
    """Pairs of one-row masks from `truth/answer`; `.` is a pixel without a label."""
    masks = [
        np.array([[IGNORE if mark == "." else int(mark) for mark in part]], dtype=np.uint8)
        for pair in marks for part in pair.split("/")
    ]  # fmt: skip
    return list(zip(masks[::2], masks[1::2], strict=True))


def drawn(n: int, classes: int, seed: int = 0) -> Overlaps:
    """N images whose answers are about right."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (n, 6, 8), dtype=np.uint8)
    answers = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, classes, truth.shape)).astype(
        np.uint8
    )
    return overlaps(list(zip(truth, answers, strict=True)), classes)


def every(row: Any) -> list[dict[str, Any]]:
    """All values with their intervals in a summary."""
    if not isinstance(row, dict):
        return []
    return [row] if "low" in row else [found for part in row.values() for found in every(part)]


def test_two_classes_by_hand() -> None:
    # Dice 0.5, 1 (both empty), 0 (answered in vain); an image without a label is said, and counts nowhere
    found = summary(
        overlaps(flat("1100/1010", "0000/0000", "0000/0100", "..../1111"), 2), np.arange(4), ["land", "water"]
    )
    assert (found["images"], found["groups"], found["unlabelled"]) == (3, 3, 1)
    assert [found["per_image"]["Dice"][kind]["value"] for kind in ("mean", "median", "worst")] == [
        0.5,
        0.5,
        0.0,
    ]
    assert found["per_image"]["IoU"]["mean"]["value"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert found["pooled"]["IoU"]["value"] == pytest.approx(1 / 4)  # 1 shared; 3 answered or true beside it
    assert found["pixel accuracy"]["value"] == pytest.approx(9 / 12)
    assert list(found["classes"]) == ["water"]  # the background has no figures of its own
    water = found["classes"]["water"]
    assert (water["images"], water["groups"]) == (1, 1)
    assert water["per_image"]["Dice"]["value"] == 0.5
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_more_classes_by_hand() -> None:
    found = summary(
        overlaps(flat("0022/0002", "0011/0011", "0000/0000"), 4), np.arange(3), ["a", "b", "c", "never"]
    )
    means = [(2 / 3 + 1 / 2) / 2, 1.0, 1.0]
    assert found["per_image"]["IoU"]["mean"]["value"] == pytest.approx(np.mean(means))
    assert found["per_image"]["IoU"]["worst"]["value"] == pytest.approx(means[0])
    pooled = {name: row["pooled"]["IoU"]["value"] for name, row in found["classes"].items()}
    assert pooled == {"a": pytest.approx(8 / 9), "b": 1.0, "c": 0.5, "never": None}
    assert found["pooled"]["IoU"]["value"] == pytest.approx((8 / 9 + 1 + 1 / 2) / 3)
    assert [row["images"] for row in found["classes"].values()] == [3, 1, 1, 0]
    # of its images only: b is in one
    assert found["classes"]["b"]["per_image"]["IoU"]["value"] == 1.0
    assert found["classes"]["a"]["per_image"]["IoU"]["value"] == pytest.approx((2 / 3 + 1 + 1) / 3)


def test_a_region_amid_unlabelled_pixels_has_no_boundary_to_judge() -> None:
    truth = np.full((9, 9), IGNORE, dtype=np.uint8)
    truth[4, 4] = 1
    found = summary(overlaps([(truth, np.ones_like(truth)), *flat("11/11")], 2), np.arange(2), ["a", "b"])
    assert found["per_image"]["boundary IoU"]["mean"]["value"] == 1.0
    wrong = summary(overlaps([(truth, np.zeros_like(truth)), *flat("11/11")], 2), np.arange(2), ["a", "b"])
    assert wrong["per_image"]["Dice"]["mean"]["value"] == 0.5
    assert wrong["per_image"]["boundary IoU"]["mean"]["value"] == 1.0  # of the one image that has one


@pytest.mark.parametrize("classes", [2, 4])
def test_a_draw_is_the_figures_of_the_images_it_draws(classes: int) -> None:
    found, rng = drawn(30, classes), np.random.default_rng(1)
    for times in rng.integers(0, 3, (8, 30)):
        again = found.on(np.repeat(np.arange(30), times))
        ones = np.ones((1, int(times.sum())), dtype=np.int64)
        expected = statistics(again, ones)[0]
        assert statistics(found, times[None])[0] == pytest.approx(expected)
        assert expected[1] == pytest.approx(np.median(again.scores[0], axis=0))
        assert expected[2] == pytest.approx(again.scores[0].min(axis=0))


@pytest.mark.parametrize("classes", [2, 3])
def test_every_value_lies_in_its_interval_and_few_groups_have_none(classes: int) -> None:
    names = [str(number) for number in range(classes)]
    found = drawn(6 * FEW_GROUPS, classes)
    rows = every(summary(found, np.arange(6 * FEW_GROUPS) // 6, names))
    assert len(rows) == 3 * len(FIGURES) + len(FIGURES) + 1 + 2 * len(FIGURES) * (1 if classes == 2 else 3)
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in rows)
    few = every(summary(found, np.arange(6 * FEW_GROUPS) % (FEW_GROUPS - 1), names))
    assert [row["value"] for row in few] == [row["value"] for row in rows]
    assert {row["low"] for row in few} == {row["high"] for row in few} == {None}


def test_ten_photos_of_one_place_are_not_ten_witnesses() -> None:
    one = drawn(30, 2)
    ten = one.on(np.repeat(np.arange(30), 10))
    alone, grouped = (
        summary(ten, groups, ["a", "b"])["per_image"]["Dice"]["mean"]
        for groups in (np.arange(300), np.repeat(np.arange(30), 10))
    )
    # 300 witnesses instead of 30 would be sqrt(10) = 3.2 times as sure
    assert (grouped["high"] - grouped["low"]) / (alone["high"] - alone["low"]) == pytest.approx(3.2, rel=0.25)


def test_a_class_in_few_groups_has_no_interval_and_takes_that_of_the_pooled_mean() -> None:
    found = overlaps(flat(*["0011/0010"] * 20, *["0012/0012"] * 5), 3)
    told = summary(found, np.arange(25), ["a", "b", "c"])
    assert told["classes"]["c"]["pooled"]["IoU"]["low"] is told["pooled"]["IoU"]["low"] is None
    assert told["classes"]["b"]["pooled"]["IoU"]["low"] is not None
    assert told["per_image"]["IoU"]["mean"]["low"] is not None


def test_all_right_is_as_sure_as_its_groups() -> None:
    found = overlaps(flat(*["0011/0011"] * 48), 2)
    row = summary(found, np.arange(48) // 2, ["a", "b"])["per_image"]["Dice"]["mean"]
    assert (row["value"], row["low"], row["high"]) == (1.0, *wilson_interval(24, 24))
