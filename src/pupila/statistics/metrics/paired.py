"""Two models on the same images: the difference of a metric, its interval, and a test that exchanges their results."""

import numpy as np

from pupila.core.records import Record
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import MIN_GROUPS, Array, Statistic, bootstrap, wilson_interval
from pupila.statistics.tests import exchange_test


class ScoreComparison(Record):
    """A metric of two models on the same images."""

    difference: Difference  # first minus other
    p_value: float  # that there is none


def compare_scores(statistic: Statistic, groups: Array, differ: Array) -> ScoreComparison | None:
    """Compare two models by a metric; None where it is not measurable.

    Args:
        statistic: (B, 2N) int64, how often each result counts (those of the first model, then those of the other), to
            (B,) scores in 0..1.
        groups: (N,) group numbers; under 10 there is no interval.
        differ: (N,) bool: whether the two results of an image differ.
    """

    def scores(times: Array) -> tuple[Array, Array]:
        none = np.zeros_like(times)
        first, other = (np.concatenate(both, axis=1) for both in ((times, none), (none, times)))
        return statistic(first), statistic(other)

    first, other = (float(score[0]) for score in scores(np.ones((1, len(groups)), dtype=np.int64)))
    if np.isnan(first) or np.isnan(other):
        return None
    low, high, count = None, None, len(np.unique(groups))
    if count >= MIN_GROUPS:
        low, high = bootstrap(groups, lambda times: np.subtract(*scores(times)))
        if low == high:  # no resample differs
            still = wilson_interval(0, count)[1]
            low, high = max(-1.0, low - still), min(1.0, high + still)
    return ScoreComparison(
        difference=Difference.between(first, other, low, high),
        p_value=exchange_test(statistic, groups, differ),
    )
