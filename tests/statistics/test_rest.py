"""The test of a slice against all other images: by hand, against scipy's permutations, and how often it errs."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test as theirs

from pupila.statistics.intervals import Array
from pupila.statistics.metrics.estimates import estimate_scores
from pupila.statistics.tests import SIGNIFICANT, compare_with_rest

SETS = 1000  # simulated data sets


def test_images_that_are_all_right_show_nothing() -> None:
    assert compare_with_rest(np.ones(40), np.arange(40) < 20, np.arange(40)) == 1.0


def test_all_wrong_against_all_right_is_as_clear_as_it_can_be() -> None:
    inside = np.arange(40) < 20
    assert compare_with_rest(np.where(inside, 0.0, 1.0), inside, np.arange(40)) < 0.001


def test_the_signs_of_four_images_by_hand() -> None:
    # 1 and 1 against 0 and 1: the mean is 3/4, and the halves contribute 1/8, 1/8 and 3/8, -1/8: 1/2 in all
    values, inside = np.array([1.0, 1, 0, 1]), np.array([True, True, False, False])
    totals = [
        abs(sum(s * e for s, e in zip(signs, (1, 1, 3, 1), strict=True)))
        for signs in product((1, -1), repeat=4)
    ]
    share = sum(total >= 4 for total in totals) / 16
    assert compare_with_rest(values, inside, np.arange(4)) == share == 8 / 16


def test_many_single_images_have_the_p_value_of_scipys_permutations() -> None:
    rng = np.random.default_rng(3)
    values, inside = rng.random(80), np.arange(80) < 32
    values[inside] += 0.12

    def gap(first: Array, other: Array, axis: int) -> Array:
        return np.asarray(np.abs(first.mean(axis=axis) - other.mean(axis=axis)))

    oracle = theirs((values[inside], values[~inside]), gap, alternative="greater", n_resamples=2000, rng=rng)
    assert compare_with_rest(values, inside, np.arange(80)) == pytest.approx(oracle.pvalue, abs=0.02)


def test_ten_images_of_a_group_count_once() -> None:
    rng = np.random.default_rng(0)
    scores, inside = rng.random(24), np.arange(24) < 12
    alone = compare_with_rest(scores, inside, np.arange(24))
    repeated = [np.repeat(part, 10) for part in (scores, inside, np.arange(24))]
    assert compare_with_rest(repeated[0], repeated[1], repeated[2]) == pytest.approx(alone, abs=0.03)
    assert compare_with_rest(repeated[0], repeated[1], np.arange(240)) < alone / 2  # as if they were apart


def test_what_differs_within_every_group_is_seen_whatever_the_groups_are_like() -> None:
    rng = np.random.default_rng(1)
    levels, inside, groups = rng.random(20).repeat(2), np.tile([True, False], 20), np.arange(40) // 2
    values = levels * 0.8 + np.where(inside, 0.0, 0.1)
    assert compare_with_rest(values, inside, groups) < 0.001
    assert compare_with_rest(values, inside, np.arange(40)) > 0.1  # the levels of the groups hide it


def _nested(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """24 groups of 1 to 9 images, ten of them in the slice, whose images succeed or fail alike."""
    sizes = rng.integers(1, 10, 24)
    groups, own = np.repeat(np.arange(24), sizes), rng.permutation(24) < 10
    chance = rng.beta(2, 0.5, 24)
    return (rng.random(len(groups)) < chance[groups]).astype(float), own[groups], groups


def _parted(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """15 groups of eight images, each of which lies in the slice or not by a coin of its group."""
    groups = np.arange(120) // 8
    inside = rng.random(120) < rng.beta(1, 1, 15)[groups]
    return (rng.random(120) < rng.beta(1, 1, 15)[groups]).astype(float), inside, groups


@pytest.mark.slow
@pytest.mark.parametrize("draw", [_nested, _parted], ids=["nested", "parted"])
def test_without_a_difference_one_in_twenty_is_called_significant(draw: object) -> None:
    assert callable(draw)
    rng = np.random.default_rng(0)
    wrong = sum(compare_with_rest(*draw(rng)) < SIGNIFICANT for _ in range(SETS))
    assert wrong / SETS <= SIGNIFICANT + 2.6 * np.sqrt(SIGNIFICANT * (1 - SIGNIFICANT) / SETS)


def test_the_interval_of_correct_and_wrong_images_is_wilsons() -> None:
    values = np.array([1.0] * 8 + [0.0] * 12)
    alone = estimate_scores(values, np.arange(20))
    assert [alone.value, alone.low, alone.high] == pytest.approx([0.4, 0.2188, 0.6134], abs=1e-4)
    assert estimate_scores(values, np.arange(20) // 4).low is None  # five groups
    assert estimate_scores(values / 2, np.arange(20)).value == pytest.approx(0.2)
