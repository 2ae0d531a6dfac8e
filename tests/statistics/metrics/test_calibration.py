"""Calibration: no error where there is none, the factor found where there is one, no explosion on few images."""

from collections.abc import Callable
from math import log

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from pupila.statistics.metrics.calibration import (
    BINS,
    Array,
    calibration_error,
    fit_temperature,
    log_softmax,
    minimise,
    reliability_bins,
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
