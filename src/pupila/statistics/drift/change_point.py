"""Since when a stream has changed, and the least change that so many groups can show."""

from bisect import bisect_left
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from pupila.statistics.drift.detector import SHIFTS, WEIGHTS

Array = NDArray[Any]
_LEAST = 5  # groups before and after the change: fewer may stand apart by chance
_SIZES = np.arange(1, 61) / 20  # shifts in standard deviations
_WORTH = 20  # groups for each one of the reference, beyond which shifted ones say nothing new
_NODES, _NODE_SHARES = np.polynomial.hermite_e.hermegauss(15)
_NODE_SHARES = _NODE_SHARES / _NODE_SHARES.sum()


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
    worth = np.where(sizes < min(before, _LEAST), 0.0, sizes * after / np.maximum(sizes + after, 1))
    gain = (worth * gap**2).sum(axis=1)
    return int(ends[gain.argmax()] - before)


def smallest_shift(reference: int, stream: int, evidence: float, weight: float) -> float | None:
    """The lasting shift, in standard deviations of one stream, that the detector shows about half of the time or more.

    It is that at which the mean logarithm of one of the bets on a shift reaches the evidence. Later groups are ranked
    among earlier ones that are shifted as well, and say less. None: they hardly show any shift, however large.

    Args:
        reference: G groups.
        stream: H groups, all of them shifted.
        evidence: that raises an alarm.
        weight: of the stream in the evidence, 0..1.
    """
    needed = log(evidence / weight)
    place = bisect_left(_SIZES, needed, key=lambda size: _expect_evidence(size, reference, stream))
    return float(_SIZES[place]) if place < len(_SIZES) else None


def _expect_evidence(shift: float, reference: int, stream: int) -> float:
    """The largest mean logarithm of a bet on a shift, times its weight, of normal values."""
    before = np.arange(1, min(stream, _WORTH * reference) + 1)[
        :, None
    ]  # groups that are shifted, itself included
    values, shares = shift + _NODES, _NODE_SHARES
    p = (reference * ndtr(values) + before * ndtr(values - shift)) / (reference + before)
    scores = ndtri(np.minimum(p, 1 - 0.5 / (reference + before))) @ shares
    logs = np.cumsum(scores[:, None] * SHIFTS - SHIFTS**2 / 2, axis=0)
    return float((logs + np.log(WEIGHTS[: len(SHIFTS)])).max())
