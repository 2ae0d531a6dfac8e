"""Calibration: how far confidence is from being right, and the one number that mends most of it."""

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


def fit_temperature(logits: Array, truth: Array) -> float:
    """The temperature that makes the true classes most likely.

    Args:
        logits: (N, C) of validation images.
        truth: (N,) class numbers.

    Returns:
        0.05..20; 1 where there is no image.

    Source: Guo et al. 2017, arXiv:1706.04599, with the targets of Platt 1999, section 2.2.
    """
    if not len(truth):
        return 1.0
    # Platt's rule of succession: n right answers out of n prove a chance of (n + 1) / (n + 2) and not of 1.
    wanted = np.full(logits.shape, 1 / (len(truth) + 2) / (logits.shape[1] - 1))
    wanted[np.arange(len(truth)), truth] = (len(truth) + 1) / (len(truth) + 2)

    def cost(log_temperature: float) -> float:
        return -float((wanted * log_softmax(logits.astype(np.float64) / np.exp(log_temperature))).sum())

    found = minimize_scalar(cost, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def reliability(confidence: Array, right: Array) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, images) of up to BINS bins of equal numbers of images, the least sure first."""
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    return [(float(confidence[part].mean()), float(right[part].mean()), len(part)) for part in bins]


def calibration_error(confidence: Array, right: Array) -> float:
    """Mean distance of confidence from the share of right answers, over bins of equal numbers; 0 is perfect.

    Source: Nguyen and O'Connor 2015 (adaptive bins), in the form of Guo et al. 2017, equation 3.
    """
    if not len(right):
        return 0.0
    return sum(abs(sure - share) * n for sure, share, n in reliability(confidence, right)) / len(right)
