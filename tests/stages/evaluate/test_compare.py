"""Comparing models: published near-ties are not told apart, clear differences are, same answers prove little."""

from itertools import combinations

import numpy as np
import pytest

from pupila.artifacts.report.evaluation.classify import ClassifyComparison
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.compare import compare
from pupila.stages.evaluate.classify.predictions import ClassPredictions
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.tests import holm, mcnemar


def model(name: str, predictions: Array) -> ClassPredictions:
    rows = list(range(len(predictions)))
    return ClassPredictions(name, name, rows, np.zeros(len(rows), dtype=bool), predictions)


def overlap(n: int, right: int, only_first: int, only_second: int) -> tuple[Array, Array, Array]:
    """Targets of two balanced classes, and two models' answers: of the first's right ones, some are its own."""
    target = np.arange(n) % 2
    first, second = target.copy(), target.copy()
    both_wrong = n - right - only_second
    assert both_wrong >= 0
    first[: both_wrong + only_second] ^= 1
    second[:both_wrong] ^= 1
    start = both_wrong + only_second
    second[start : start + only_first] ^= 1
    return target, first, second


def ends(difference: Difference) -> list[float]:
    assert difference.low is not None and difference.high is not None
    return [difference.low, difference.high]


def compare_counts(n: int, right: int, only_first: int, only_second: int) -> ClassifyComparison:
    target, first, second = overlap(n, right, only_first, only_second)
    return compare(model("first", first), [model("second", second)], target, np.arange(n), 2)[0]


# R3, EfficientNetB0 on 78 images: accuracies 0.974, 0.962, 0.949 and 0.923 of the tiers A2, A4, A1 and A3
TIERS = {"A2": 76, "A4": 75, "A1": 74, "A3": 72}
PUBLISHED = {"A2": 0.974, "A4": 0.962, "A1": 0.949, "A3": 0.923}


def overlaps(first: int, second: int, n: int) -> list[tuple[int, int]]:
    """(only the first right, only the second right) that two numbers of right answers allow."""
    return [(a, b) for b in range(n - first + 1) for a in [b + first - second] if 0 <= a <= n - second]


@pytest.mark.parametrize("tier", sorted(TIERS))
def test_the_counts_are_those_that_were_published(tier: str) -> None:
    fitting = [right for right in range(79) if round(right / 78, 3) == PUBLISHED[tier]]
    assert fitting == [TIERS[tier]]


def test_the_margins_allow_few_overlaps() -> None:
    assert overlaps(76, 75, 78) == [(1, 0), (2, 1), (3, 2)]
    assert overlaps(76, 74, 78) == [(2, 0), (3, 1), (4, 2)]
    assert overlaps(75, 74, 78) == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert overlaps(76, 72, 78) == [(4, 0), (5, 1), (6, 2)]


@pytest.mark.parametrize(("first", "second"), list(combinations(TIERS, 2)))
def test_r3_names_no_winner_among_its_tiers(first: str, second: str) -> None:
    possible = overlaps(TIERS[first], TIERS[second], 78)
    for only_first, only_second in possible:
        row = compare_counts(78, TIERS[first], only_first, only_second)
        assert (row.only_first, row.only_other) == (only_first, only_second)
        assert row.p_value == mcnemar(only_first, only_second) >= 0.125
        assert row.verdict == "not distinguishable", (only_first, only_second)
        assert row.images_to_settle and row.images_to_settle > 78
    assert len(possible) >= 3


def test_equal_scores_on_78_images_are_no_proof_of_equivalence() -> None:
    # ResNet50 under A1 and A4: 69 of 78 each, and every overlap from the same answers to none in common
    words = {a: compare_counts(78, 69, a, b).verdict for a, b in overlaps(69, 69, 78)}
    assert words == dict.fromkeys(range(10), "not distinguishable")


@pytest.mark.parametrize(
    ("n", "word"), [(12, "not distinguishable"), (188, "not distinguishable"), (189, "equivalent")]
)
def test_identical_answers_have_no_winner_and_are_equivalent_on_many_images(n: int, word: str) -> None:
    # Tango's interval is Wilson's of 0 of n here, 3.84 / (n + 3.84), which goes under 2 points at 189.
    row = compare_counts(n, n - 2, 0, 0)
    interval = row.metrics["accuracy"]
    assert ends(interval) == pytest.approx([-wilson_interval(0, n)[1], wilson_interval(0, n)[1]])
    assert (row.p_value, row.images_to_settle, row.verdict) == (1.0, None, word)


def test_all_right_against_all_wrong_stays_within_its_range() -> None:
    row = compare_counts(20, 20, 20, 0)
    interval = row.metrics["accuracy"]
    assert (interval.first, interval.other, interval.high) == (1.0, 0.0, 1.0)
    assert interval.change is None  # nothing to be a percentage of
    assert row.verdict == "better"


def test_a_clear_difference_is_found_from_both_sides() -> None:
    target, first, second = overlap(200, 190, 30, 5)
    ours, theirs = model("ours", first), model("theirs", second)
    there = compare(ours, [theirs], target, np.arange(200), 2)[0]
    back = compare(theirs, [ours], target, np.arange(200), 2)[0]
    assert (there.verdict, back.verdict) == ("better", "worse")
    for name, row in there.metrics.items():
        mirrored = back.metrics[name]
        assert ends(row) == pytest.approx([-end for end in ends(mirrored)][::-1])
    accuracy = there.metrics["accuracy"]
    assert (accuracy.first, accuracy.other) == (190 / 200, 165 / 200)
    assert accuracy.change == pytest.approx(25 / 165)


def test_many_photos_of_few_products_prove_what_their_groups_prove() -> None:
    # the same 30 against 5 images, in 9 groups and in 5: too few for an interval. Each group has more of the 30, and
    # 2 of 2^9 ways to sign nine groups are as extreme; of five it is 2 of 2^5, whatever the number of images.
    target, first, second = overlap(200, 190, 30, 5)
    for groups, word in ((9, "better"), (5, "not distinguishable")):
        row = compare(model("a", first), [model("b", second)], target, np.arange(200) % groups, 2)[0]
        assert row.p_value == 2 / 2**groups
        assert mcnemar(row.only_first, row.only_other) < 0.001  # as if the images were apart
        assert row.metrics["accuracy"].low is row.images_to_settle is None
        assert row.verdict == word


def test_rivals_share_one_error_rate() -> None:
    # 9 against 1 is p = 0.02 alone; as the best of three rivals it is 0.06 and no longer a win
    target, first, second = overlap(100, 97, 9, 1)
    groups = np.arange(100)
    alone = compare(model("first", first), [model("second", second)], target, groups, 2)[0]
    assert (alone.p_holm, alone.verdict) == (alone.p_value, "better")
    rivals = [model("second", second), model("same", first), model("near", overlap(100, 97, 3, 2)[2])]
    rows = compare(model("first", first), rivals, target, groups, 2)
    assert [row.name for row in rows] == ["second", "same", "near"]
    assert [row.p_holm for row in rows] == holm([row.p_value for row in rows])
    assert rows[0].p_holm == pytest.approx(3 * 0.021484375)
    assert {row.verdict for row in rows} == {"not distinguishable"}


def test_photos_of_one_product_count_as_far_as_they_differ_as_one() -> None:
    target, first, second = overlap(200, 190, 30, 5)
    apart, mixed, blocks = np.arange(200), np.arange(200) % 50, np.arange(200) // 4
    widths, settled = [], []
    for groups in (
        apart,
        mixed,
        blocks,
    ):  # 35 images that differ: in as many groups, over all, in nine groups
        row = compare(model("a", first), [model("b", second)], target, groups, 2)[0]
        low, high = ends(row.metrics["accuracy"])
        widths.append(high - low)
        settled.append(row.images_to_settle or 0)
    assert widths[0] < widths[1] < widths[2]
    assert settled[0] <= settled[1] < settled[2]


def test_what_few_images_tell_of_their_groups_is_taken_as_the_worst() -> None:
    # 160 photos of 16 products, on which the models differ nowhere or once: not equivalent, and less so for no image
    for only_first in (0, 1):
        target, first, second = overlap(160, 158, only_first, 0)
        row = compare(model("a", first), [model("b", second)], target, np.arange(160) // 10, 2)[0]
        assert row.verdict == "not distinguishable"
        assert ends(row.metrics["accuracy"])[1] > 0.02
