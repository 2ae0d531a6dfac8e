"""Whether groups of images still look like a reference: conformal test martingales with a Shiryaev-Roberts alarm."""

from bisect import bisect_left, bisect_right, insort
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.streams import choose_streams

# Bets on the normal score z of a p-value: likelihood ratios of N(shift, 1), and of N(0, spread), against N(0, 1).
SHIFTS = np.array([-2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0])
SPREADS = np.array([0.6, 1.5])
POOL = 10_000  # values of a stream that are remembered
_SMALLEST = 1e-12  # p-value whose normal score is still finite
_LARGEST = 1e100  # statistic, so that it stays finite after an alarm
_inverse = NormalDist().inv_cdf


class DriftDetector:
    """Watches a stream of groups, one observation each.

    In each stream of values a group's p-value is its smoothed rank among the reference and the stream so far, itself
    included: while nothing changes, these p-values are independent and uniform, whatever the distribution. Each bet
    multiplies by a density at the p-value, and its Shiryaev-Roberts statistic R = (1 + R) * bet adds up bets that
    began at each group. The evidence is the mean of R over bets and streams; its expectation after T quiet groups is
    at most T, so that false alarms are `false_alarm_every` groups apart in the mean.

    A value that is NaN, and one of a stream that never varied, changes nothing. More than `POOL` values are thinned at
    random, which leaves the p-values uniform and independent.

    Source: Vovk, Nouretdinov and Gammerman 2003 (p-values); Vovk et al. 2021, "Retrain or not retrain" (alarms);
    Shin, Ramdas and Rinaldo 2022, arXiv:2203.03532 (mean over bets).
    """

    def __init__(self, reference: Observations, false_alarm_every: float, seed: int = 0) -> None:
        """Start.

        Args:
            reference: groups from before the stream, in any order; at least one.
            false_alarm_every: N, mean number of groups between false alarms.
            seed: breaks ties and thins; the same groups then give the same evidence.
        """
        self.groups = 0
        self.alarm_at: int | None = None  # number of the group, from 1, at which the evidence reached N first
        self.false_alarm_every = false_alarm_every
        self._streams = choose_streams(reference)
        self._random = np.random.default_rng(seed)
        columns = self._streams.extract(reference).T
        self._pools = [sorted(column[~np.isnan(column)].tolist()) for column in columns]
        for pool in self._pools:
            while len(pool) > POOL:
                self._thin(pool)
        self._statistics = np.zeros((len(columns), len(SHIFTS) + len(SPREADS)))

    @property
    def evidence(self) -> float:
        """The Shiryaev-Roberts statistic of all streams; alarm from `false_alarm_every` on."""
        return float(self._streams.weights @ self._statistics.mean(axis=1))

    @property
    def streams(self) -> dict[str, float]:
        """The statistic of each stream by itself."""
        return dict(zip(self._streams.names, self._statistics.mean(axis=1).tolist(), strict=True))

    def update(self, observation: Observations) -> None:
        """Take in one more group.

        Args:
            observation: of one row, with the reference's projections and classes.
        """
        values = self._streams.extract(observation)[0].tolist()
        ties = self._random.random(len(values)).tolist()
        scores = np.array([self._score(*each) for each in zip(self._pools, values, ties, strict=True)])
        known = ~np.isnan(scores)
        updated = (1 + self._statistics[known]) * place_bets(scores[known])
        self._statistics[known] = np.minimum(updated, _LARGEST)
        self.groups += 1
        if self.alarm_at is None and self.evidence >= self.false_alarm_every:
            self.alarm_at = self.groups

    def _score(self, pool: list[float], value: float, tie: float) -> float:
        """The normal score of a value's p-value, NaN where it says nothing; the value joins the pool."""
        if value != value:
            return np.nan
        insort(pool, value)
        p = smooth_rank(pool, value, tie)
        varies = pool[0] < pool[-1]
        if len(pool) > POOL:
            self._thin(pool)
        return _inverse(min(max(p, _SMALLEST), 1 - _SMALLEST)) if varies else np.nan

    def _thin(self, pool: list[float]) -> None:
        del pool[int(self._random.integers(len(pool)))]


def smooth_rank(pool: list[float], value: float, tie: float) -> float:
    """The p-value of a value among a sorted pool that holds it: the share below it, and `tie` of the share equal."""
    below = bisect_left(pool, value)
    return (below + tie * (bisect_right(pool, value) - below)) / len(pool)


def place_bets(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each bet multiplies by: (S,) normal scores to (S, bets); the mean of each is 1 under N(0, 1)."""
    z = scores[:, None]
    shifts = SHIFTS * z - SHIFTS**2 / 2
    spreads = (1 - 1 / SPREADS**2) * z**2 / 2 - np.log(SPREADS)
    bets: NDArray[np.float64] = np.exp(np.concatenate([shifts, spreads], axis=1))
    return bets
