"""Accuracy without labels: what a calibrated confidence promises (confidence-based performance estimation)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.intervals import MIN_GROUPS, percentile_ends, resample

Array = NDArray[Any]


class EstimatedAccuracy(Record):
    """The accuracy that the confidence promises, if it is calibrated."""

    reference: Estimate
    stream: Estimate
    difference: Difference | None  # stream minus reference; None where one of them is unknown


def estimate_accuracy(reference: Array, stream: Array) -> EstimatedAccuracy:
    """The accuracy of both, with intervals of a bootstrap over groups.

    Args:
        reference: (G,) probability, one for each group, that its image was predicted correctly; NaN where unknown.
        stream: (H,) the same of the stream.

    Source: Guillory et al. 2021, arXiv:2107.03315 (average confidence, and its change).
    """
    samples = [own[~np.isnan(own)] for own in (reference, stream)]
    estimates = [_estimate(own, seed) for seed, own in enumerate(samples)]
    return EstimatedAccuracy(
        reference=estimates[0], stream=estimates[1], difference=_subtract(samples[1], samples[0])
    )


def _estimate(values: Array, seed: int) -> Estimate:
    """The mean, with its interval where there are enough groups."""
    if not len(values):
        return Estimate(value=None)
    if len(values) < MIN_GROUPS:
        return Estimate(value=float(values.mean()))
    low, high = percentile_ends(_resample_mean(values, seed))
    return Estimate(value=float(values.mean()), low=float(low), high=float(high))


def _subtract(stream: Array, reference: Array) -> Difference | None:
    if not len(stream) or not len(reference):
        return None
    means = float(stream.mean()), float(reference.mean())
    if min(len(stream), len(reference)) < MIN_GROUPS:
        return Difference.between(*means, None, None)
    low, high = percentile_ends(_resample_mean(stream, 1) - _resample_mean(reference, 0))
    return Difference.between(*means, float(low), float(high))


def _resample_mean(values: Array, seed: int) -> Array:
    """(B,) means of the resamples."""
    return resample(
        np.arange(len(values)), lambda times: np.asarray(times @ values / times.sum(axis=1)), seed
    )
