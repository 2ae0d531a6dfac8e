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
    difference: Difference  # stream minus reference


def estimate_accuracy(reference: Array, stream: Array) -> EstimatedAccuracy:
    """The accuracy of both, with intervals of a bootstrap over groups.

    Args:
        reference: (G,) probability, one for each group, that its image was predicted correctly.
        stream: (H,) the same of the stream.

    Source: Guillory et al. 2021, arXiv:2107.03315 (average confidence, and its change).
    """
    before, after = float(reference.mean()), float(stream.mean())
    if min(len(reference), len(stream)) < MIN_GROUPS:
        difference = Difference.between(after, before, None, None)
        return EstimatedAccuracy(
            reference=Estimate(value=before), stream=Estimate(value=after), difference=difference
        )
    resampled = [_resample_mean(reference, 0), _resample_mean(stream, 1)]
    ends = [percentile_ends(each) for each in (*resampled, resampled[1] - resampled[0])]
    intervals = [(float(low), float(high)) for low, high in ends]
    return EstimatedAccuracy(
        reference=Estimate(value=before, low=intervals[0][0], high=intervals[0][1]),
        stream=Estimate(value=after, low=intervals[1][0], high=intervals[1][1]),
        difference=Difference.between(after, before, *intervals[2]),
    )


def _resample_mean(values: Array, seed: int) -> Array:
    """(B,) means of the resamples."""
    return resample(
        np.arange(len(values)), lambda times: np.asarray(times @ values / times.sum(axis=1)), seed
    )
