"""Whether groups of images still look like a reference: conformal test martingales with a Shiryaev-Roberts alarm."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.ranks import RankPool
from pupila.statistics.drift.streams import choose_streams

# Bets on the normal score z of a p-value: likelihood ratios of N(shift, 1), and of N(0, spread^2), against N(0, 1), and
# of a share 0.5 + tilt / 2 above the median. The weight is greatest for small changes: large ones need little evidence.
SHIFTS = np.array([-2.0, -1.0, -0.4, 0.4, 1.0, 2.0])
SPREADS = np.array([0.6, 1.5])
TILTS = np.array([-0.5, 0.5])
WEIGHTS = np.array([1, 3, 15, 15, 3, 1, 4, 4, 3, 3]) / 52
_SMALLEST = 1e-12  # p-value whose normal score is still finite
_LARGEST = 1e100  # statistic, so that it stays finite after an alarm
_normal_score = NormalDist().inv_cdf


class DriftDetector:
    """Watches a stream of groups, one observation each.

    In each stream of values a group's p-value is its smoothed rank among the reference and the stream so far, itself
    included. While nothing changes, these p-values are independent and uniform, whatever the distribution. Each bet
    multiplies by a density at the p-value, and its Shiryaev-Roberts statistic R = (1 + R) * bet adds up the bets that
    began at each group. The evidence is the weighted mean of R over bets and streams. After T quiet groups its
    expectation is at most T, so that false alarms come N or more groups apart in the mean: proven where the streams
    are one or independent; of dependent streams `benchmarks/drift.py` measures it.

    A value that is NaN, and one of a stream that never varied, changes nothing.

    Source: Vovk, Nouretdinov and Gammerman 2003 (p-values and bets); Vovk et al. 2021, arXiv:2102.10439 (alarms);
    Shin, Ramdas and Rinaldo 2022, arXiv:2203.03532 (means of such statistics).
    """

    def __init__(self, reference: Observations, false_alarm_every: float, seed: int = 0) -> None:
        """Start.

        Args:
            reference: groups from before the stream, in any order.
            false_alarm_every: N, groups between false alarms in the mean.
            seed: breaks ties; the same groups then give the same evidence.
        """
        self.groups = 0
        self.alarm_at: int | None = None  # number of the group, from 1, at which the evidence first reached N
        self.false_alarm_every = false_alarm_every
        self._streams = choose_streams(reference)
        columns = self._streams.extract(reference).T
        self._pools = [
            RankPool(column[~np.isnan(column)].tolist(), f"{seed} {name}")
            for name, column in zip(self._streams.names, columns, strict=True)
        ]
        self._statistics = np.zeros((len(columns), len(WEIGHTS)))

    @property
    def evidence(self) -> float:
        """The Shiryaev-Roberts statistic of all streams; alarm from `false_alarm_every` on."""
        return float(self._streams.weights @ self._statistics @ WEIGHTS)

    @property
    def streams(self) -> dict[str, float]:
        """The statistic of each stream by itself."""
        return dict(zip(self._streams.names, (self._statistics @ WEIGHTS).tolist(), strict=True))

    def update(self, observation: Observations) -> None:
        """Take in one more group.

        Args:
            observation: of one row, with the reference's projections and classes.

        Raises:
            ValueError: other numbers of projections or classes.
        """
        values = self._streams.extract(observation)[0].tolist()
        known, scores = [], []
        for number, (pool, value) in enumerate(zip(self._pools, values, strict=True)):
            p = None if value != value else pool.add(value)
            if p is not None:
                known.append(number)
                scores.append(_normal_score(min(max(p, _SMALLEST), 1 - _SMALLEST)))
        if known:
            updated = (1 + self._statistics[known]) * place_bets(np.array(scores))
            self._statistics[known] = np.minimum(updated, _LARGEST)
        self.groups += 1
        if self.alarm_at is None and self.evidence >= self.false_alarm_every:
            self.alarm_at = self.groups


def place_bets(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each bet multiplies by: (S,) normal scores to (S, bets); the expectation of each is 1 under N(0, 1)."""
    z = scores[:, None]
    shifts = SHIFTS * z - SHIFTS**2 / 2
    spreads = (1 - 1 / SPREADS**2) * z**2 / 2 - np.log(SPREADS)
    return np.concatenate([np.exp(shifts), np.exp(spreads), 1 + TILTS * np.sign(z)], axis=1)
