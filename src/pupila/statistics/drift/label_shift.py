"""Class shares of images without labels, from calibrated probabilities: expectation maximisation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.intervals import percentile_ends, resample

Array = NDArray[Any]
_SCARCE = 1e-12  # least share of a class in the reference
_LEAST = 11  # iterations: the first ones may stand still
_LEAST_MIXED = 1e-300  # probability of an image; that of one without any class is 0
_MOST = 10_000
_REPEATS = 500  # of the bootstrap
_ROUGH = 1e-5  # tolerance of a resample, far below the width of an interval


def estimate_priors(probabilities: Array, reference: Array, tolerance: float = 1e-9) -> Array:
    """(C,) share of each class in the population that the images were drawn from.

    It assumes that the classes look as they did and only their shares have changed, and that the probabilities were
    calibrated under the reference's shares.

    Args:
        probabilities: (N, C), rows add up to one.
        reference: (C,) shares that the probabilities were calibrated under.
        tolerance: mean change of a share below which the iteration ends.

    Source: Saerens, Latinne and Decaestecker 2002, Neural Computation 14.
    """
    times = np.ones((1, len(probabilities)))
    return np.asarray(_maximise(probabilities, times, reference[None], reference[None], tolerance)[0])


def prior_interval(probabilities: Array, reference: Array, estimate: Array) -> Array:
    """(2, C) ends of the 95 % interval of `estimate_priors` with the mean of a reference, by a bootstrap of both.

    Args:
        probabilities: (N, C), a row for each group.
        reference: (M, C) probabilities of the reference, a row for each group.
        estimate: (C,) as `estimate_priors` gives it for the mean of the reference.
    """
    shares = resample(
        np.arange(len(reference)), lambda times: times @ reference / len(reference), 1, _REPEATS
    )
    used = 0

    def estimate_all(times: Array) -> Array:
        nonlocal used
        usual = shares[used : used + len(times)]
        used += len(times)
        return _maximise(probabilities, times, usual, np.tile(estimate, (len(times), 1)), _ROUGH)

    return percentile_ends(resample(np.arange(len(probabilities)), estimate_all, 0, _REPEATS))


def _maximise(probabilities: Array, times: Array, reference: Array, start: Array, tolerance: float) -> Array:
    """(B, C) shares of B resamples with (B, N) multiplicities, under (B, C) shares of the reference."""
    usual = np.maximum(reference, _SCARCE)
    usual, shares = usual / usual.sum(axis=1, keepdims=True), np.maximum(start, _SCARCE)
    total = times.sum(axis=1, keepdims=True)
    for iteration in range(_MOST):
        ratio = shares / usual
        mixed = np.maximum(ratio @ probabilities.T, _LEAST_MIXED)
        changed = ratio * ((times / mixed) @ probabilities) / total
        moved = np.abs(changed - shares).mean(axis=1).max()
        shares = changed
        if moved < tolerance and iteration >= _LEAST:
            break
    return np.asarray(shares)
