"""Calibration: reliability of the confidence, calibration error, risk and coverage, and temperature scaling."""

from collections.abc import Callable
from math import copysign, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BINS = 10  # of equal numbers of images
_COLDEST, _HOTTEST = 0.05, 20.0
_GOLDEN = 0.5 * (3.0 - sqrt(5.0))  # share of a section at which its next point lies
_TOLERANCE, _ROUNDING = 1e-5, sqrt(2.2e-16)  # of the logarithm of a temperature; and of a number, relative


def log_softmax(logits: Array) -> Array:
    """(N, C) log probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def fit_temperature(logits: Array, targets: Array) -> float:
    """The temperature that maximises the likelihood of the targets.

    Args:
        logits: (N, C) of validation images.
        targets: (N,) class numbers.

    Returns:
        0.05..20; 1 where there is no image.

    Source: Guo et al. 2017, arXiv:1706.04599, with the targets of Platt 1999, section 2.2.
    """
    if not len(targets):
        return 1.0
    # Platt's rule of succession: n correct out of n suggest a probability of (n + 1) / (n + 2) and not of 1.
    target = np.full(logits.shape, 1 / (len(targets) + 2) / (logits.shape[1] - 1))
    target[np.arange(len(targets)), targets] = (len(targets) + 1) / (len(targets) + 2)

    def cost(log_temperature: float) -> float:
        return -float((target * log_softmax(logits.astype(np.float64) / np.exp(log_temperature))).sum())

    return float(np.exp(minimise(cost, np.log(_COLDEST), np.log(_HOTTEST))))


def minimise(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum between `low` and `high` is least, to about 1e-5.

    Source: Brent 1973, Algorithms for minimization without derivatives, chapter 5: a step to the vertex of the parabola
    through the three best points where that converges, else a golden section of the longer side.
    """
    # The three best points so far: the best, the second and the third, with their costs.
    best = second = third = low + _GOLDEN * (high - low)
    at_best = at_second = at_third = cost(best)
    step = before = 0.0  # the last step, and the one before it
    while True:
        middle = 0.5 * (low + high)
        least = _ROUNDING * abs(best) + _TOLERANCE / 3.0
        if abs(best - middle) <= 2.0 * least - 0.5 * (high - low):
            return best
        r, q = (best - second) * (at_best - at_third), (best - third) * (at_best - at_second)
        rise, run = (best - third) * q - (best - second) * r, 2.0 * (q - r)
        rise, run = -rise if run > 0 else rise, abs(run)
        short = abs(before) > least and abs(rise) < abs(0.5 * run * before)
        if short and run * (low - best) < rise < run * (high - best):
            before, step = step, rise / run
            if min(best + step - low, high - (best + step)) < 2.0 * least:
                step = copysign(least, middle - best)
        else:
            before = (low if best >= middle else high) - best
            step = _GOLDEN * before
        point = best + copysign(max(abs(step), least), step)
        at_point = cost(point)
        if at_point <= at_best:
            low, high = (best, high) if point >= best else (low, best)
            third, at_third, second, at_second = second, at_second, best, at_best
            best, at_best = point, at_point
            continue
        low, high = (point, high) if point < best else (low, point)
        if at_point <= at_second or second == best:
            third, at_third, second, at_second = second, at_second, point, at_point
        elif at_point <= at_third or third in (best, second):
            third, at_third = point, at_point


def mean_of_ties(confidence: Array, correct: Array) -> tuple[Array, Array]:
    """Confidences in rising order, and for each the share of correct ones among those with an equal confidence.

    What is computed from it does not depend on the order in which equal confidences come: it is what all of their
    orders give on average, as the mean rank is for tests on ranks.

    Args:
        confidence: (N,).
        correct: (N,) bool.

    Returns:
        (confidence, share), each (N,) float64.

    Source: Kendall 1945, Biometrika 33 (mid-ranks).
    """
    values, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    shares = np.bincount(place, correct, minlength=len(values)) / np.maximum(counts, 1)
    return np.repeat(values, counts).astype(np.float64), np.repeat(shares, counts)


def reliability_bins(confidence: Array, correct: Array) -> list[tuple[float, float, int]]:
    """(mean confidence, accuracy, images) of up to BINS bins of equal numbers of images, lowest confidence first.

    Images of equal confidence that lie on both sides of a border count on either side with their mean accuracy.
    """
    ordered, shares = mean_of_ties(confidence, correct)
    bins = [part for part in np.array_split(np.arange(len(ordered)), BINS) if len(part)]
    return [(float(ordered[part].mean()), float(shares[part].mean()), len(part)) for part in bins]


def calibration_error(confidence: Array, correct: Array) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, over bins of equal numbers; 0 is perfect.

    Source: Nguyen and O'Connor 2015 (adaptive bins), in the form of Guo et al. 2017, equation 3; ties as in
    `mean_of_ties`.
    """
    if not len(correct):
        return 0.0
    return sum(abs(mean - share) * n for mean, share, n in reliability_bins(confidence, correct)) / len(
        correct
    )


def risk_coverage(confidence: Array, correct: Array) -> tuple[Array, Array]:
    """The risk-coverage curve: the error rate if only the most confident predictions count.

    Where k ends among images of equal confidence, they count with their mean error rate: what a random choice of them
    gives on average.

    Args:
        confidence: (N,) of the prediction.
        correct: (N,) bool.

    Returns:
        (coverage, risk), each (N,): for the k most confident images their share of all, and their error rate.

    Source: El-Yaniv and Wiener 2010, JMLR 11; ties as in `mean_of_ties`.
    """
    _, place, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = np.bincount(place, ~correct, minlength=len(sizes))
    firsts = np.repeat(np.cumsum(sizes) - sizes, sizes)  # of those with this confidence
    above, among, size = (np.repeat(part, sizes) for part in (np.cumsum(errors) - errors, errors, sizes))
    count = np.arange(1, len(correct) + 1)
    return count / len(correct), (above + (count - firsts) * among / size) / count
