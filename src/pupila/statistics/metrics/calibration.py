"""Calibration: reliability of the confidence, calibration error, and temperature scaling."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[Any]

BINS = 10  # of equal numbers of images
_COLDEST, _HOTTEST = 0.05, 20.0


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

    optimum = minimize_scalar(cost, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(optimum.x))


def reliability_bins(confidence: Array, correct: Array) -> list[tuple[float, float, int]]:
    """(mean confidence, accuracy, images) of up to BINS bins of equal numbers of images, lowest confidence first."""
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    return [(float(confidence[part].mean()), float(correct[part].mean()), len(part)) for part in bins]


def calibration_error(confidence: Array, correct: Array) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, over bins of equal numbers; 0 is perfect.

    Source: Nguyen and O'Connor 2015 (adaptive bins), in the form of Guo et al. 2017, equation 3.
    """
    if not len(correct):
        return 0.0
    return sum(abs(mean - share) * n for mean, share, n in reliability_bins(confidence, correct)) / len(
        correct
    )
