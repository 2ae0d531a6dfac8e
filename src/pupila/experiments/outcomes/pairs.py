"""Configurations on the same validation images: scores over seeds, and the paired test of two of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.folder import Run
from pupila.experiments.outcomes.scorer import ImageOutcomes, OutcomeScorer
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import (
    MIN_GROUPS,
    Array,
    Statistic,
    percentile_ends,
    resample,
    wilson_interval,
)
from pupila.statistics.tests import exchange_test

Pair = tuple[int, int]  # two runs, as numbers of the table's columns


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Two configurations on the same images."""

    difference: Difference  # of the metric, first minus other
    p_value: float  # that there is none
    runs: int  # of each that were compared


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """What several runs predicted for the same N validation images."""

    scorer: OutcomeScorer
    outcomes: ImageOutcomes
    groups: Array  # (N,) group numbers

    def score(self, runs: Sequence[int]) -> float | None:
        """The mean of the metric over the runs; None where it is not measurable."""
        once = np.ones((1, len(self.groups)), dtype=np.int64)
        return _none_if_nan(float(self._mean_statistic(runs)(once)[0]))

    def interval(self, runs: Sequence[int]) -> tuple[float, float] | None:
        """The 95 % interval of `score` by a cluster bootstrap; None under 10 groups."""
        value = self.score(runs)
        if value is None or self._count_groups() < MIN_GROUPS:
            return None
        low, high = self._resampled_ends(self._mean_statistic(runs))
        if low == high:  # all resamples agree, as where every image is right
            low, high = wilson_interval(value * self._count_groups(), self._count_groups())
        return min(low, value), max(high, value)

    def compare(self, pairs: Sequence[Pair]) -> PairedResult | None:
        """The mean difference over pairs of runs, with its interval and a test that exchanges results in groups.

        Args:
            pairs: a run of the first configuration and one of the other, of the same seed where there are seeds.

        Returns:
            None where the metric is not measurable.
        """
        first, other = ([pair[place] for pair in pairs] for place in (0, 1))
        values = [self.score(runs) for runs in (first, other)]
        if values[0] is None or values[1] is None:
            return None
        low, high = self._difference_ends(first, other)
        return PairedResult(
            Difference.between(values[0], values[1], low, high), self._exchange(pairs), len(pairs)
        )

    def _difference_ends(
        self, first: Sequence[int], other: Sequence[int]
    ) -> tuple[float, float] | tuple[None, None]:
        count = self._count_groups()
        if count < MIN_GROUPS:
            return None, None
        ours, theirs = self._mean_statistic(first), self._mean_statistic(other)
        low, high = self._resampled_ends(lambda times: ours(times) - theirs(times))
        # where no resample differs: Wilson's limit for 0 of the groups on either side
        still = 0.0 if low < high else wilson_interval(0, count)[1]
        return max(-1.0, low - still), min(1.0, high + still)

    def _exchange(self, pairs: Sequence[Pair]) -> float:
        statistics, differ = [], np.zeros(len(self.groups), dtype=bool)
        for first, other in pairs:
            ours, theirs = self.outcomes.runs[first], self.outcomes.runs[other]
            statistics.append(
                self.scorer.statistic(
                    np.concatenate([ours, theirs]), np.concatenate([self.outcomes.targets] * 2)
                )
            )
            unequal = (ours != theirs) & ~((ours != ours) & (theirs != theirs))  # NaN equals NaN
            differ |= unequal.reshape(len(unequal), -1).any(axis=1)
        return exchange_test(lambda times: _mean(statistics, times), self.groups, differ)

    def _mean_statistic(self, runs: Sequence[int]) -> Statistic:
        statistics = [self.scorer.statistic(self.outcomes.runs[run], self.outcomes.targets) for run in runs]
        return lambda times: _mean(statistics, times)

    def _resampled_ends(self, statistic: Statistic) -> tuple[float, float]:
        """The ends of the 95 % interval, of the resamples in which the metric is measurable."""
        drawn = resample(self.groups, statistic)
        low, high = percentile_ends(drawn[np.isfinite(drawn)])
        return float(low), float(high)

    def _count_groups(self) -> int:
        return len(np.unique(self.groups))


def read_outcomes(runs: Sequence[Run], data: Dataset, scorer: OutcomeScorer) -> OutcomeTable | None:
    """What the runs predicted for the validation images that all of them have, out-of-fold where there are folds.

    None where they have no image in common.

    Args:
        runs: one or more, each with `oof.parquet`.
        data: the data set that they were trained on.
        scorer: of the task.
    """
    tables = [run.out_of_fold for run in runs]
    common = set[str].intersection(*(set(table["image"]) for table in tables))
    if not common:
        return None
    aligned = [table.filter(pl.col("image").is_in(common)).sort("image") for table in tables]
    return OutcomeTable(scorer, scorer.read(aligned, data), aligned[0]["component"].to_numpy())


def _mean(statistics: Sequence[Statistic], times: Array) -> Array:
    return np.asarray(np.mean([statistic(times) for statistic in statistics], axis=0))


def _none_if_nan(value: float) -> float | None:
    return value if np.isfinite(value) else None
