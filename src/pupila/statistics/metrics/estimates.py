"""Metrics with their 95 % intervals: Wilson where each image is its own group, else a bootstrap over groups."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.intervals import FEW_GROUPS, bootstrap, bootstrap_all, wilson_interval
from pupila.statistics.metrics.classify import OVERALL, PER_CLASS, confusion

Array = NDArray[Any]
Valued = dict[str, Any]  # value, low, high; low and high None where there are too few groups
_AT_ONCE = 100  # confusion matrices of a bootstrap in memory


def overall(truth: Array, answers: Array, groups: Array, classes: int) -> dict[str, Valued]:
    """The metrics of the whole.

    Args:
        truth: (N,) class numbers.
        answers: (N,) class numbers.
        groups: (N,) group numbers; an interval counts groups, not images.
        classes: C.

    Returns:
        No interval under 10 groups; for a mean over classes, under 10 groups in one of them.
    """
    matrix = confusion(truth, answers, classes)
    whole = len(set(groups.tolist()))
    fewest = min((len(set(groups[truth == k].tolist())) for k in np.unique(truth)), default=0)
    alone = len(set(groups.tolist())) == len(groups)
    found = {}
    for name, metric in OVERALL.items():
        value = float(metric(matrix))
        low, high = None, None
        enough = (
            whole if name == "accuracy" else fewest
        ) >= FEW_GROUPS  # a mean over classes needs each of them
        if name == "accuracy" and alone and enough:
            low, high = wilson_interval(int((truth == answers).sum()), len(truth))
        elif enough:
            low, high = _bootstrapped(value, groups, drawn(truth, answers, classes, metric))
        found[name] = {"value": value, "low": low, "high": high}
    return found


def per_class(truth: Array, answers: Array, groups: Array, names: list[str]) -> dict[str, dict[str, Any]]:
    """Images, groups, and precision, recall and F1 of every class, with intervals where it has enough groups."""
    matrix = confusion(truth, answers, len(names))
    table: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        own = truth == number
        told = len(set(groups[own].tolist()))
        row: dict[str, Any] = {"images": int(own.sum()), "groups": told}
        for label, metric in PER_CLASS.items():
            value = float(metric(matrix)[number])
            low, high = None, None
            if told >= FEW_GROUPS:
                if label == "recall" and told == int(own.sum()):
                    low, high = wilson_interval(int(matrix[number, number]), int(own.sum()))
                else:
                    statistic = drawn(truth, answers, len(names), metric, number)
                    low, high = _bootstrapped(value, groups[own], statistic, groups)
            row[label] = {"value": value, "low": low, "high": high}
        table[name] = row
    return table


def _bootstrapped(
    value: float, told: Array, statistic: Callable[[Array], Array], groups: Array | None = None
) -> tuple[float, float]:
    return _widened(value, *bootstrap(told if groups is None else groups, statistic), len(set(told.tolist())))


def _widened(value: float, low: float, high: float, groups: int) -> tuple[float, float]:
    """The bootstrap's interval; Wilson's over the groups where no draw differs, as where all answers are right."""
    return (low, high) if low < high else wilson_interval(value * groups, groups)


def valued(value: float | None, low: float, high: float, groups: int) -> Valued:
    """A value (0..1) with its bootstrapped interval: stretched to hold it, and none under 10 groups."""
    if value is None or groups < FEW_GROUPS:
        return {"value": value, "low": None, "high": None}
    low, high = _widened(value, low, high, groups)
    return {"value": value, "low": min(low, value), "high": max(high, value)}


def means(values: Array, groups: Array) -> list[Valued]:
    """The means (0..1) of the K columns of (N, K) values with their intervals, of N images in groups."""
    witnesses, mean = len(np.unique(groups)), values.mean(axis=0)

    def statistic(times: Array) -> Array:
        return np.asarray(times @ values / times.sum(axis=1, keepdims=True))

    ends = bootstrap_all(groups, statistic) if witnesses >= FEW_GROUPS else np.stack([mean, mean])
    cells = zip(mean.tolist(), *ends.tolist(), strict=True)
    return [valued(value, low, high, witnesses) for value, low, high in cells]


def drawn(
    truth: Array, answers: Array, classes: int, metric: Callable[[Array], Array], column: int | None = None
) -> Callable[[Array], Array]:
    """The metric as a function of (B, N) multiplicities, for the bootstrap.

    Args:
        truth: (N,) class numbers.
        answers: (N,) class numbers.
        classes: C.
        metric: (B, C, C) to (B,), or to (B, C) where a column is given.
        column: the class whose value is wanted.
    """
    cells, place = np.unique(truth * classes + answers, return_inverse=True)
    member = np.eye(len(cells))[place]  # (N, K): which observed cell of the matrix each image falls into

    def statistic(times: Array) -> Array:
        values = []
        for start in range(0, len(times), _AT_ONCE):
            counts = times[start : start + _AT_ONCE] @ member
            matrices = np.zeros((len(counts), classes * classes))
            matrices[:, cells] = counts
            found = metric(matrices.reshape(-1, classes, classes))
            values.append(found if column is None else found[:, column])
        return np.concatenate(values)

    return statistic
