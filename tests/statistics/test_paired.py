"""Models and baselines on the same images: exact tests over groups, by hand, against others, and how often they err."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.statistics.intervals import Array
from pupila.statistics.tests import SIGNIFICANT, compare_with_baseline, mcnemar, sign_flip

SETS = 1500  # simulated evaluations


def test_eighteen_won_and_none_lost_in_six_groups_by_hand() -> None:
    # three won in each of six groups: of the 64 ways to sign them two are as far from 0, 2 / 64
    test = compare_with_baseline(np.ones(18), np.arange(18) // 3)
    assert (test.won, test.lost, test.groups, test.verdict) == (18, 0, 6, "better")
    assert test.p_value == pytest.approx(2 / 64)
    # in five groups 2 / 32, and in one group nothing at all
    assert compare_with_baseline(np.ones(18), np.arange(18) % 5).verdict == "not distinguishable"
    assert compare_with_baseline(np.ones(18), np.zeros(18)).p_value == pytest.approx(1.0)
    worse = compare_with_baseline(-np.ones(18), np.arange(18) // 3)
    assert (worse.won, worse.lost, worse.verdict) == (0, 18, "worse")


def test_a_group_in_which_won_and_lost_balance_tells_nothing() -> None:
    test = compare_with_baseline(np.array([1.0, -1, 1, 1, 0]), np.array([0, 0, 1, 2, 3]))
    assert (test.won, test.lost, test.groups) == (3, 1, 3)
    assert test.p_value == pytest.approx(2 / 4)  # of two groups that differ


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=60))
def test_where_each_image_is_its_own_group_it_is_mcnemars_exact_test(rows: list[int]) -> None:
    differences = np.array(rows, dtype=float)
    p_value = mcnemar(int((differences > 0).sum()), int((differences < 0).sum()))
    assert sign_flip(differences, np.arange(len(rows))) == pytest.approx(p_value, rel=1e-9)


@given(st.lists(st.integers(-7, 7), min_size=1, max_size=9))
def test_all_ways_to_sign_whole_sums_are_counted(sums: list[int]) -> None:
    totals = [abs(sum(map(int.__mul__, signs, sums))) for signs in product((-1, 1), repeat=len(sums))]
    share = sum(total >= abs(sum(sums)) for total in totals) / len(totals)
    assert sign_flip(np.array(sums, dtype=float), np.arange(len(sums))) == pytest.approx(share, rel=1e-9)


def test_thousands_of_groups_are_still_exact() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 3000)
    sums = sizes * np.where(rng.random(3000) < 0.52, 1, -1)
    z = abs(sums.sum()) / np.sqrt((sizes**2).sum())  # by the central limit theorem
    assert sign_flip(sums.astype(float), np.arange(3000)) == pytest.approx(_two_sided(z), rel=0.03)


def _two_sided(z: float) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(z))


def _exchangeable(rng: np.random.Generator, groups: Array) -> Array:
    """Differences of two models that are right equally often, correlated within a group."""
    lean = rng.beta(0.5, 0.5, groups.max() + 1)[groups]  # of each group to one of the two
    return np.asarray(np.where(rng.random(len(groups)) < lean, 1.0, -1.0) * (rng.random(len(groups)) < 0.5))


def _uninformed(rng: np.random.Generator, groups: Array) -> Array:
    """Differences between a model that does not look at the image and the majority class; a group has one class."""
    count = groups.max() + 1
    own = rng.choice(3, count, p=[0.4, 0.35, 0.25])[groups]
    guess = rng.choice(3, count, p=rng.dirichlet([1, 1, 1]))[groups]  # the same within a group
    most = np.bincount(own, minlength=3).argmax()
    return np.asarray((guess == own).astype(float) - (own == most))


@pytest.mark.slow
@pytest.mark.parametrize("draw", [_exchangeable, _uninformed])
@pytest.mark.parametrize(("groups", "images"), [(6, 3), (9, 8), (25, 4), (60, 1)])
def test_without_a_difference_one_in_twenty_at_most_is_called_significant(
    draw: object, groups: int, images: int
) -> None:
    assert callable(draw)
    rng, better, either = np.random.default_rng(groups), 0, 0
    for _ in range(SETS):
        sizes = rng.integers(1, 2 * images, groups) if images > 1 else np.ones(groups, dtype=int)
        test = compare_with_baseline(draw(rng, place := np.repeat(np.arange(groups), sizes)), place)
        better += test.verdict == "better"
        either += test.p_value < SIGNIFICANT
    allowed = SIGNIFICANT + 2.6 * np.sqrt(SIGNIFICANT * (1 - SIGNIFICANT) / SETS)
    assert better / SETS <= allowed
    if draw is _exchangeable:
        assert either / SETS <= allowed


@pytest.mark.slow
def test_counting_images_as_if_they_were_apart_errs_often() -> None:
    # the reason for a test over groups: McNemar's test of the images themselves calls a third significant
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(SETS):
        differences = _exchangeable(rng, np.arange(12 * 10) // 10)
        wrong += mcnemar(int((differences > 0).sum()), int((differences < 0).sum())) < SIGNIFICANT
    assert wrong / SETS > 0.2
