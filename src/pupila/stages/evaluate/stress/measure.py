"""From the scores of every version of every image to the metric at each level, with paired intervals and tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.report.evaluation.stress import StressedCorruption, StressLevel
from pupila.imaging.corruptions.catalogue import CORRUPTIONS, LEVELS
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.verdicts import widen_interval
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import MIN_GROUPS, bootstrap_all
from pupila.statistics.metrics.classify import ratio
from pupila.statistics.tests import NOT_DISTINGUISHABLE, holm, permutation_test, verdict


@dataclass(frozen=True, slots=True)
class StressCounts:
    """The scores of N images: see `scorer.Counts`."""

    clean: Array  # (N, 2)
    corrupted: Array  # (N, K, LEVELS, 2), of K corruptions
    groups: Array  # (N,) group numbers


def measure(counts: StressCounts, names: Sequence[str]) -> list[StressedCorruption]:
    """The metric at every level beside that of the clean images.

    All intervals are of the same resamples of the groups, clean and corrupted images of a group together. A
    corruption's test is of its mean over the levels, exchanging clean and corrupted images group by group; Holm's
    correction is for all corruptions.

    Args:
        counts: of N images, one of which at least counts.
        names: ids of the K corruptions.

    Returns:
        In the order of the names; no interval and no verdict under 10 groups.
    """
    values = _statistics(counts, np.ones((1, len(counts.groups)), dtype=np.int64))[0]
    enough = len(np.unique(counts.groups)) >= MIN_GROUPS
    ends = (
        bootstrap_all(counts.groups, lambda times: _differences(_statistics(counts, times)))
        if enough
        else None
    )

    def difference(corruption: int, level: int) -> Difference:
        low, high = None, None
        if ends is not None:
            low, high = (float(end) for end in ends[:, corruption, level])
            low, high = widen_interval(low, high, counts.groups)
        return Difference.between(float(values[corruption, level]), float(values[-1, 0]), low, high)

    p_values = [_p_value(counts, number) for number in range(len(names))]
    return [
        _make_row(name, [difference(number, level) for level in range(LEVELS + 1)], p_value, p_holm)
        for number, (name, p_value, p_holm) in enumerate(zip(names, p_values, holm(p_values), strict=True))
    ]


def overall(counts: Array) -> float:
    """The metric of (N, 2) counts; 0 where nothing counts."""
    return float(ratio(*counts.sum(axis=0)))


def _make_row(name: str, differences: list[Difference], p_value: float, p_holm: float) -> StressedCorruption:
    *levels, mean = differences
    return StressedCorruption(
        name=name,
        levels=[
            StressLevel(amount=amount, difference=difference)
            for amount, difference in zip(CORRUPTIONS[name].amounts, levels, strict=True)
        ],
        mean=mean, p_value=p_value, p_holm=p_holm,
        verdict=NOT_DISTINGUISHABLE
        if mean.low is None or mean.high is None
        else verdict((mean.low, mean.high), p_holm),
    )  # fmt: skip


def _statistics(counts: StressCounts, times: Array) -> Array:
    """(B, K + 1, LEVELS + 1) metrics of resampled images: each level, then the mean over them; last the clean ones."""
    weights = times.astype(np.float64)
    images, corruptions = counts.corrupted.shape[:2]
    sums = (weights @ counts.corrupted.reshape(images, -1)).reshape(len(times), corruptions, LEVELS, 2)
    levels = ratio(sums[..., 0], sums[..., 1])
    clean = ratio(*np.moveaxis(weights @ counts.clean, 1, 0))
    rows = np.concatenate([levels, levels.mean(axis=2, keepdims=True)], axis=2)
    return np.concatenate([rows, np.broadcast_to(clean[:, None, None], (len(times), 1, LEVELS + 1))], axis=1)


def _differences(values: Array) -> Array:
    """(B, K, LEVELS + 1) corrupted minus clean, of `_statistics`."""
    return np.asarray(values[:, :-1] - values[:, -1:])


def _p_value(counts: StressCounts, number: int) -> float:
    """That the mean over the levels of a corruption is the clean metric."""
    corrupted = counts.corrupted[:, number].reshape(len(counts.groups), -1)
    clean = np.tile(counts.clean, LEVELS)
    return permutation_test(corrupted, clean, counts.groups, _mean_over_levels)


def _mean_over_levels(sums: Array) -> Array:
    """(B,) from (B, LEVELS x 2) sums of counts."""
    parts = sums.reshape(len(sums), LEVELS, 2)
    return np.asarray(ratio(parts[..., 0], parts[..., 1]).mean(axis=1))
