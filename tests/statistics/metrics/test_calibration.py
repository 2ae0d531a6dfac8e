"""Calibration: no error where there is none, the factor found where there is one, no explosion on few images."""

from collections.abc import Callable
from itertools import permutations
from math import log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pupila.statistics.metrics.calibration import (
    BINS,
    Array,
    calibration_error,
    fit_temperature,
    log_softmax,
    minimise,
    reliability_bins,
    risk_coverage,
)


def calibrated(n: int = 20_000, classes: int = 3) -> tuple[Array, Array]:
    """Logits, and targets drawn from their softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, classes))
    chances = np.exp(log_softmax(logits))
    return logits, (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)


def error_of(logits: Array, targets: Array) -> float:
    chances = np.exp(log_softmax(logits))
    return calibration_error(chances.max(axis=1), chances.argmax(axis=1) == targets)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 5.0])
def test_the_factor_on_calibrated_logits_is_found(factor: float) -> None:
    logits, targets = calibrated()
    # 20000 images tell the temperature within about 1 %
    temperature = fit_temperature(factor * logits, targets)
    assert temperature == pytest.approx(factor, rel=0.04)
    assert error_of(factor * logits / temperature, targets) < 0.015


def test_calibrated_predictions_have_no_error_and_doubled_logits_do() -> None:
    logits, targets = calibrated()
    # ten bins of 2000: the error of chance alone is about 0.01
    assert error_of(logits, targets) < 0.015
    assert error_of(2 * logits, targets) > 0.05


def test_temperature_ignores_what_softmax_ignores() -> None:
    logits, targets = calibrated(500)
    assert fit_temperature(logits + 1000, targets) == pytest.approx(
        fit_temperature(logits, targets), rel=1e-4
    )


@pytest.mark.parametrize(
    ("n", "gap"),
    # All right: the chance that Platt's rule grants is (n + 1) / (n + 2), which the gap g between the logits reaches
    # at the temperature g / log(n + 1). Plain likelihood would go to 0 and call every prediction certain.
    [(1, 2.0), (5, 3.0), (50, 4.0)],
)
def test_few_correct_images_do_not_give_an_extreme_temperature(n: int, gap: float) -> None:
    logits = np.tile([gap, 0.0], (n, 1))
    assert fit_temperature(logits, np.zeros(n, dtype=int)) == pytest.approx(gap / log(n + 1), rel=1e-3)


def test_all_wrong_stays_within_bounds() -> None:
    hottest = fit_temperature(np.tile([4.0, 0.0], (30, 1)), np.ones(30, dtype=int))
    assert 10 < hottest <= 20


def test_no_image_leaves_the_temperature() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0
    assert calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0


def test_huge_logits_do_not_overflow() -> None:
    assert log_softmax(np.array([[1e4, 0.0, -1e4]])).tolist() == [[0.0, -1e4, -2e4]]
    assert np.isfinite(fit_temperature(np.array([[1e4, 0.0], [0.0, 1e4]]), np.array([0, 0])))


def test_calibration_error_by_hand() -> None:
    # ten bins of two: the five least sure pairs say 0.6 and are half right, the top ones say 0.9 and are all right
    confidence = np.array([0.6, 0.9] * 10)
    right = np.array([False, True, True, True] * 5)
    assert calibration_error(confidence, right) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)
    bins = reliability_bins(confidence, right)
    assert bins == [pytest.approx((0.6, 0.5, 2))] * 5 + [pytest.approx((0.9, 1.0, 2))] * 5


@pytest.mark.parametrize("n", [1, 3, 10, 25])
def test_bins_hold_equal_numbers_and_every_image(n: int) -> None:
    rng = np.random.default_rng(n)
    counts = [count for _, _, count in reliability_bins(rng.random(n), rng.random(n) < 0.5)]
    assert (len(counts), sum(counts)) == (min(n, BINS), n)
    assert max(counts) - min(counts) <= 1


def test_the_error_is_of_a_bins_mean_and_not_of_each_image() -> None:
    # confidences 0.50, 0.51, ... 0.69, every second one right: bin k says 0.505 + 0.02 k and is half right
    confidence, right = 0.5 + 0.01 * np.arange(20), np.arange(20) % 2 == 1
    assert calibration_error(confidence, right) == pytest.approx(0.005 + 0.02 * 4.5)


@pytest.mark.parametrize(
    ("cost", "low", "high"),
    [
        (lambda x: (x - 0.3) ** 2, -1.0, 5.0),
        (lambda x: (x - 1) ** 4 + x, -2.0, 9.0),
        (lambda x: np.exp(x) - 2 * x, -3.0, 3.0),
        (abs, -3.0, 2.0),
        (lambda x: x, 0.0, 1.0),
        (lambda x: -x, 0.0, 1.0),
    ],
)
def test_the_minimum_is_that_of_scipy(cost: Callable[[float], float], low: float, high: float) -> None:
    oracle = minimize_scalar(cost, bounds=(low, high), method="bounded")
    assert minimise(cost, low, high) == pytest.approx(oracle.x, abs=1e-12)


def test_risk_and_coverage_by_hand() -> None:
    # most confident first: 0.9 right, 0.8 wrong, 0.7 right, 0.6 wrong
    coverage, risk = risk_coverage(np.array([0.6, 0.9, 0.7, 0.8]), np.array([False, True, True, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])


def test_ties_of_ten_images_by_hand() -> None:
    # All say 0.6 and 7 of 10 are right: the error is 0.1 in every order, and 3 of 10 are wrong at every coverage.
    right = np.arange(10) < 7
    for order in (np.arange(10), np.arange(10)[::-1], np.array([0, 7, 1, 8, 2, 9, 3, 4, 5, 6])):
        assert calibration_error(np.full(10, 0.6), right[order]) == pytest.approx(0.1, abs=1e-12)
        assert risk_coverage(np.full(10, 0.6), right[order])[1] == pytest.approx([0.3] * 10, abs=1e-12)


def test_ties_over_a_border_of_two_bins_by_hand() -> None:
    # 20 images, two a bin. Three say 0.9, and two of them are right: the last bin and half of the one before have 2/3.
    confidence = np.array([*(0.5 + 0.01 * np.arange(17)), 0.9, 0.9, 0.9])
    right = np.array([True] * 17 + [False, True, True])
    mean, share, count = reliability_bins(confidence, right)[-2]
    assert (mean, share, count) == pytest.approx(((0.66 + 0.9) / 2, (1 + 2 / 3) / 2, 2))
    assert reliability_bins(confidence, right)[-1] == pytest.approx((0.9, 2 / 3, 2))
    # Most confident first: of the three with 0.9 one is wrong, a third of it at each.
    assert risk_coverage(confidence, right)[1][:4] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 4])


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60), st.randoms())
def test_the_order_of_tied_confidences_changes_nothing(rows: list[tuple[int, bool]], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    (confidence, right), (other, other_right) = (
        (np.array([c / 9 for c, _ in part]), np.array([r for _, r in part])) for part in (rows, shuffled)
    )
    assert abs(calibration_error(confidence, right) - calibration_error(other, other_right)) < 1e-12
    for ours, theirs in zip(risk_coverage(confidence, right), risk_coverage(other, other_right), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=6))
def test_ties_count_as_all_of_their_orders_do_on_average(rows: list[tuple[int, bool]]) -> None:
    confidence, right = np.array([c / 5 for c, _ in rows]), np.array([r for _, r in rows])
    risks = []
    for order in permutations(range(len(rows))):
        errors = ~right[list(order)]
        if (np.diff(confidence[list(order)]) <= 0).all():
            risks.append(np.cumsum(errors) / np.arange(1, len(rows) + 1))
    assert risk_coverage(confidence, right)[1] == pytest.approx(np.mean(risks, axis=0))


@given(st.permutations(list(range(30))), st.lists(st.booleans(), min_size=30, max_size=30))
def test_without_ties_each_image_counts_for_itself(order: list[int], right: list[bool]) -> None:
    confidence, correct = (np.array(order) + 1) / 31, np.array(right)
    parts = np.array_split(np.argsort(confidence), BINS)
    bins = [(confidence[part].mean(), correct[part].mean(), len(part)) for part in parts]
    assert reliability_bins(confidence, correct) == bins
    errors = np.cumsum(~correct[np.argsort(-confidence)])
    assert risk_coverage(confidence, correct)[1].tolist() == (errors / np.arange(1, 31)).tolist()
