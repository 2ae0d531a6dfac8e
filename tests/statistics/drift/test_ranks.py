"""P-values of a stream: by hand, and uniform and independent whatever is drawn."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from pupila.statistics.drift.ranks import RankPool, smooth_rank


def test_the_smoothed_rank_by_hand() -> None:
    values = [1.0, 2.0, 2.0, 3.0]
    assert smooth_rank(values, 2.0, 0.5) == 0.5  # a quarter is below, and half of the half that is equal
    assert smooth_rank(values, 3.0, 0.2) == pytest.approx(0.8)
    assert smooth_rank(values, 1.0, 0.0) == 0.0


@pytest.mark.parametrize("limit", [60, 10_000])
@pytest.mark.parametrize("distribution", ["continuous", "ties", "binary"])
def test_quiet_p_values_are_uniform_and_independent(distribution: str, limit: int) -> None:
    random = np.random.default_rng(1)
    draws: dict[str, Callable[[int], NDArray[np.float64]]] = {
        "continuous": lambda n: random.standard_cauchy(size=n),
        "ties": lambda n: random.integers(5, size=n).astype(float),
        "binary": lambda n: np.asarray(random.random(n) < 0.1, float),
    }
    draw = draws[distribution]
    pool = RankPool(draw(40).tolist(), "seed", limit)
    p = np.array([value for each in draw(4_000).tolist() if (value := pool.add(each)) is not None])
    assert len(p) > 3_900  # a few times all sixty values are equal
    assert kstest(p, "uniform").pvalue > 0.01
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(p[:-lag], p[lag:])[0, 1]) < 3 / np.sqrt(len(p))


def test_the_pool_is_limited() -> None:
    pool = RankPool(range(500), "seed", 100)
    assert len(pool) == 100
    for value in range(300):
        pool.add(float(value))
    assert len(pool) == 100


def test_equal_values_have_no_p_value_until_another_one_comes() -> None:
    pool = RankPool([0.1] * 9, "seed")
    assert [pool.add(0.1) for _ in range(5)] == [None] * 5
    p = pool.add(0.2)
    assert p is not None
    assert p >= 14 / 15  # the largest of fifteen
    assert pool.add(0.1) is not None


@given(st.permutations([0.3, 0.1, 0.2, 0.2, 0.9]), st.lists(st.floats(0, 1), max_size=9))
def test_the_order_of_the_reference_changes_nothing(order: list[float], stream: list[float]) -> None:
    sorted_pool, pool = RankPool(sorted(order), "seed"), RankPool(order, "seed")
    assert [pool.add(value) for value in stream] == [sorted_pool.add(value) for value in stream]


@given(st.lists(st.floats(-10, 10, width=16), min_size=1, max_size=9), st.lists(st.floats(-10, 10, width=16)))
def test_only_ranks_count(reference: list[float], stream: list[float]) -> None:
    """Another unit of a stream's values gives the same p-values."""
    pool, other = RankPool(reference, "seed"), RankPool([8 * value + 2 for value in reference], "seed")
    assert [pool.add(value) for value in stream] == [other.add(8 * value + 2) for value in stream]
