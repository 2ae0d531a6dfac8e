"""Since when a stream has changed, and the least change that so many groups can show."""

from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Array = NDArray[Any]
_LEAST = 5  # groups after the change: fewer may stand apart by chance


def find_change(reference: Array, stream: Array) -> int:
    """The row of the stream from which on it is most unlike what came before, 0 for its first row.

    It is the most likely change of the mean of the normal scores, where the reference came before the stream.

    Args:
        reference: (G, S) values of S streams, NaN where unknown.
        stream: (H, S), the earliest row first.

    Source: Csorgo and Horvath 1997, section 1.2, for one change of a mean; van der Waerden's scores of the ranks.
    """
    values = np.concatenate([reference, stream])
    known = ~np.isnan(values)
    ranks = np.where(known, rankdata(values, axis=0, nan_policy="omit"), 0.0)
    scores = np.where(known, ndtri(ranks / (known.sum(axis=0) + 1)), 0.0)
    count, before = len(values), len(reference)
    ends = np.arange(before, max(before, count - _LEAST) + 1)  # rows before the change
    ends = ends[(ends > 0) & (ends < count)]
    if not len(ends):
        return 0
    sums, sizes = (np.cumsum(own, axis=0)[ends - 1] for own in (scores, known))
    rest, after = scores.sum(axis=0) - sums, known.sum(axis=0) - sizes
    gap = rest / np.maximum(after, 1) - sums / np.maximum(sizes, 1)
    gain = (sizes * after / np.maximum(sizes + after, 1) * gap**2).sum(axis=1)
    return int(ends[gain.argmax()] - before)


def smallest_shift(reference: int, stream: int, evidence: float, streams: int) -> float:
    """The shift, in standard deviations of one stream, that this many groups show about half of the time.

    A shift d that lasts for all H groups of the stream raises the logarithm of the likelihood ratio to about
    d^2 / 2 * G * H / (G + H), which must reach that of the evidence times the number of streams.

    Args:
        reference: G groups.
        stream: H groups.
        evidence: that raises an alarm.
        streams: that are monitored together.
    """
    worth = reference * stream / (reference + stream)
    return sqrt(2 * log(evidence * streams) / worth)
