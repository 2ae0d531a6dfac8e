"""Intervals against published values, a second way of computing them, and their properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pupila.stats import trials_for_width, wilson_interval, wilson_width


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe 1998, table I, method 3 (81 of 263, 15 of 148, 0 of 20, 1 of 29)
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_second_way_gives_the_same(trial: tuple[int, int]) -> None:
    right, n = trial
    theirs = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson_interval(right, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_is_known_of_no_trial() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.floats(0.01, 0.99), st.floats(0.02, 0.5))
def test_the_number_of_trials_is_the_least(share: float, width: float) -> None:
    n = trials_for_width(share, width)
    assert wilson_width(share, n) <= width
    assert n == 1 or wilson_width(share, n - 1) > width
