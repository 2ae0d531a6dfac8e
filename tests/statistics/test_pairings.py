"""What counts allow: bounds of McNemar's p-value, against every pairing there is."""

import itertools

import numpy as np
import pytest

from pupila.statistics.pairings import (
    ALWAYS_DIFFERENT,
    DEPENDS,
    NEVER_DISTINCT,
    pairing_p_values,
    pairing_verdict,
    simulate_choice,
)
from pupila.statistics.tests import mcnemar


@pytest.mark.parametrize(("first", "other", "images"), [
    ((5,), (3,), (8,)), ((8,), (0,), (8,)), ((4,), (4,), (8,)), ((6,), (6,), (8,)), ((3, 2), (1, 3), (4, 4)),
])  # fmt: skip
def test_the_bounds_are_those_of_all_pairings(
    first: tuple[int, ...], other: tuple[int, ...], images: tuple[int, ...]
) -> None:
    """The first model is right on the first images of each class, the other on any."""
    tables = []
    for a, b, n in zip(first, other, images, strict=True):
        both = {len(set(range(a)) & set(some)) for some in itertools.combinations(range(n), b)}
        tables.append([(a - shared, b - shared) for shared in both])
    values = [mcnemar(*map(sum, zip(*parts, strict=True))) for parts in itertools.product(*tables)]
    assert pairing_p_values(first, other, images) == pytest.approx((min(values), max(values)))


def test_published_pairs_have_the_hand_computed_words() -> None:
    # 114 and 112 of 117: they differ on 2 to 8 images, so p is 0.5 at best
    low, high = pairing_p_values((93, 21), (91, 21), (93, 24))
    assert low == 0.5 and high > low and pairing_verdict(low, high) == NEVER_DISTINCT
    low, high = pairing_p_values((93, 21), (93, 0), (93, 24))  # 21 images, all for the first
    assert low == high == pytest.approx(2 * 0.5**21) and pairing_verdict(low, high) == ALWAYS_DIFFERENT
    low, high = pairing_p_values((70,), (60,), (100,))  # 10 more, on 10 to 70 images
    assert pairing_verdict(low, high) == DEPENDS


def test_the_best_of_equal_coins_is_biased_by_the_expected_maximum() -> None:
    images, shares = np.array([100]), np.full((12, 1), 0.5)
    expected = np.random.default_rng(1).binomial(100, 0.5, (20_000, 12)).max(axis=1).mean() / 100 - 0.5
    assert simulate_choice(shares, images, "accuracy") == pytest.approx(expected, abs=2e-3)
    assert simulate_choice(shares[:1], images, "accuracy") == pytest.approx(0, abs=3e-3)
    far = np.array([[0.9], [0.1], [0.1]])
    assert simulate_choice(far, images, "accuracy") == pytest.approx(0, abs=3e-3)
    assert simulate_choice(np.full((9, 2), 0.8), np.array([93, 24]), "f1") > 0.05
