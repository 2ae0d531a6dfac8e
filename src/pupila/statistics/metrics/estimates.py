"""Metrics with their 95 % intervals: Wilson where each image is its own group, else a cluster bootstrap."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, bootstrap, bootstrap_all, wilson_interval
from pupila.statistics.metrics.classify import OVERALL, PER_CLASS, confusion

Array = NDArray[Any]
_AT_ONCE = 100  # confusion matrices of a bootstrap in memory


class ClassEstimates(Record):
    """The metrics of one class; recall is undefined where no image is of it."""

    images: int
    groups: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def estimate_overall(targets: Array, predictions: Array, groups: Array, classes: int) -> dict[str, Estimate]:
    """The metrics over all classes.

    Args:
        targets: (N,) class numbers.
        predictions: (N,) class numbers.
        groups: (N,) group numbers; an interval counts groups, not images.
        classes: C.

    Returns:
        No interval under 10 groups; for a mean over classes, under 10 groups in one of them.
    """
    matrix = confusion(targets, predictions, classes)
    whole = len(set(groups.tolist()))
    fewest = min((len(set(groups[targets == k].tolist())) for k in np.unique(targets)), default=0)
    alone = len(set(groups.tolist())) == len(groups)
    estimates = {}
    for name, metric in OVERALL.items():
        value = float(metric(matrix))
        low, high = None, None
        enough = (
            whole if name == "accuracy" else fewest
        ) >= MIN_GROUPS  # a mean over classes needs each of them
        if name == "accuracy" and alone and enough:
            low, high = wilson_interval(int((targets == predictions).sum()), len(targets))
        elif enough:
            low, high = _bootstrap_interval(
                value, groups, resampled_metric(targets, predictions, classes, metric)
            )
        estimates[name] = Estimate(value=value, low=low, high=high)
    return estimates


def estimate_per_class(
    targets: Array, predictions: Array, groups: Array, names: list[str]
) -> dict[str, ClassEstimates]:
    """The metrics of every class, by its name, with intervals where it has enough groups."""
    matrix = confusion(targets, predictions, len(names))
    table: dict[str, ClassEstimates] = {}
    for number, name in enumerate(names):
        own = targets == number
        witnesses = len(set(groups[own].tolist()))
        estimates: dict[str, Estimate] = {}
        for label, metric in PER_CLASS.items():
            value = float(metric(matrix)[number])
            low, high = None, None
            if witnesses >= MIN_GROUPS:
                if label == "recall" and witnesses == int(own.sum()):
                    low, high = wilson_interval(int(matrix[number, number]), int(own.sum()))
                else:
                    statistic = resampled_metric(targets, predictions, len(names), metric, number)
                    low, high = _bootstrap_interval(value, groups[own], statistic, groups)
            measured = label != "recall" or own.any()
            estimates[label] = Estimate(value=value if measured else None, low=low, high=high)
        table[name] = ClassEstimates(images=int(own.sum()), groups=witnesses, **estimates)
    return table


def _bootstrap_interval(
    value: float, own: Array, statistic: Callable[[Array], Array], groups: Array | None = None
) -> tuple[float, float]:
    return _widen_interval(
        value, *bootstrap(own if groups is None else groups, statistic), len(set(own.tolist()))
    )


def _widen_interval(value: float, low: float, high: float, groups: int) -> tuple[float, float]:
    """The bootstrap's interval; Wilson's over the groups where all resamples agree, as where all are correct."""
    return (low, high) if low < high else wilson_interval(value * groups, groups)


def make_estimate(value: float | None, low: float, high: float, groups: int) -> Estimate:
    """A value (0..1) with its bootstrap interval, widened to contain it; no interval with fewer than 10 groups."""
    if value is None or groups < MIN_GROUPS:
        return Estimate(value=value)
    low, high = _widen_interval(value, low, high, groups)
    return Estimate(value=value, low=min(low, value), high=max(high, value))


def estimate_means(values: Array, groups: Array) -> list[Estimate]:
    """The means (0..1) of the K columns of (N, K) values with their intervals, of N images in groups."""
    witnesses, mean = len(np.unique(groups)), values.mean(axis=0)

    def statistic(times: Array) -> Array:
        return np.asarray(times @ values / times.sum(axis=1, keepdims=True))

    ends = bootstrap_all(groups, statistic) if witnesses >= MIN_GROUPS else np.stack([mean, mean])
    cells = zip(mean.tolist(), *ends.tolist(), strict=True)
    return [make_estimate(value, low, high, witnesses) for value, low, high in cells]


def estimate_scores(values: Array, groups: Array) -> Estimate:
    """The mean of (N,) scores (0..1) of N images with its interval: Wilson's for correct and wrong images of groups of
    their own, else that of a cluster bootstrap.
    """
    alone = len(np.unique(groups)) == len(values) >= MIN_GROUPS
    if not alone or not np.isin(values, (0.0, 1.0)).all():
        return estimate_means(values[:, None], groups)[0]
    low, high = wilson_interval(float(values.sum()), len(values))
    return Estimate(value=float(values.mean()), low=low, high=high)


def resampled_metric(
    targets: Array,
    predictions: Array,
    classes: int,
    metric: Callable[[Array], Array],
    column: int | None = None,
) -> Callable[[Array], Array]:
    """The metric as a function of (B, N) multiplicities, for the bootstrap.

    Args:
        targets: (N,) class numbers.
        predictions: (N,) class numbers.
        classes: C.
        metric: (B, C, C) to (B,), or to (B, C) where a column is given.
        column: the class whose value is returned.
    """
    cells, place = np.unique(targets * classes + predictions, return_inverse=True)
    member = np.eye(len(cells))[place]  # (N, K): which observed cell of the matrix each image falls into

    def statistic(times: Array) -> Array:
        values = []
        for start in range(0, len(times), _AT_ONCE):
            counts = times[start : start + _AT_ONCE] @ member
            matrices = np.zeros((len(counts), classes * classes))
            matrices[:, cells] = counts
            values_per_draw = metric(matrices.reshape(-1, classes, classes))
            values.append(values_per_draw if column is None else values_per_draw[:, column])
        return np.concatenate(values)

    return statistic
