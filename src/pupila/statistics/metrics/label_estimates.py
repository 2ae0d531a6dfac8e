"""Metrics of several labels with their 95 % intervals, and their differences between two models on the same images."""

from dataclasses import dataclass

import numpy as np

from pupila.core.records import Record
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.intervals import MIN_GROUPS, percentile_ends, resample, wilson_interval
from pupila.statistics.metrics.estimates import make_estimate
from pupila.statistics.metrics.multilabel import (
    OVERALL,
    PER_CLASS,
    Array,
    LabelValues,
    none_if_nan,
    resampled_values,
)

_CLASS_MEANS = {"mean_average_precision", "macro_f1"}


class LabelEstimates(Record):
    """The metrics of one class, over the images in which it is known; one without a value is not measurable."""

    known: int
    positives: int
    predicted: int
    groups: int  # with a positive
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate
    roc_auc: Estimate


@dataclass(frozen=True, slots=True)
class LabelCells:
    """The cells that models are evaluated on."""

    targets: Array  # (N, C) int8: 1 present, 0 absent, -1 unknown
    groups: Array  # (N,) group numbers


@dataclass(frozen=True, slots=True)
class ResampledMetrics:
    """The metrics of one model: of the images themselves, and in the resamples that all models share."""

    measured: LabelValues  # B = 1
    resampled: LabelValues


def resample_metrics(cells: LabelCells, decisions: Array, scores: Array | None) -> ResampledMetrics:
    """All metrics, of the N images and in 2,000 resamples of their groups.

    Args:
        cells: the ground truth.
        decisions: (N, C) bool: whether the class is predicted.
        scores: (N, C) float; None: no metric of a ranking is measurable.
    """
    classes = cells.targets.shape[1]
    values = resampled_values(cells.targets, decisions, scores)

    def statistic(times: Array) -> Array:
        drawn = values(times.astype(np.float64))
        return np.concatenate(
            [*(drawn.per_class[name] for name in PER_CLASS), np.stack([drawn.overall[name] for name in OVERALL], 1)],
            axis=1,
        )  # fmt: skip

    def unpack(table: Array) -> LabelValues:
        parts = table[:, : len(PER_CLASS) * classes].reshape(len(table), len(PER_CLASS), classes)
        overall = table[:, len(PER_CLASS) * classes :]
        return LabelValues(
            {name: parts[:, place] for place, name in enumerate(PER_CLASS)},
            {name: overall[:, place] for place, name in enumerate(OVERALL)},
        )

    once = statistic(np.ones((1, len(cells.targets))))
    enough = len(np.unique(cells.groups)) >= MIN_GROUPS
    return ResampledMetrics(unpack(once), unpack(resample(cells.groups, statistic) if enough else once))


def estimate_labels(
    cells: LabelCells, decisions: Array, metrics: ResampledMetrics, names: list[str]
) -> dict[str, LabelEstimates]:
    """The metrics of every class, by its name.

    An interval needs 10 groups with a positive; that of precision 10 with a prediction; that of ROC AUC also 10 with a
    negative. A resample in which the metric is not measurable does not count.

    Args:
        cells: the ground truth.
        decisions: (N, C) bool.
        metrics: of these decisions.
        names: C classes.
    """
    known, positive = cells.targets >= 0, cells.targets == 1
    predicted = known & decisions
    there, named, absent = (
        _count_groups(part, cells.groups) for part in (positive, predicted, known & ~positive)
    )
    needed = {"precision": named, "roc_auc": np.minimum(there, absent)}
    table = {}
    for column, name in enumerate(names):
        count = int(positive[:, column].sum())
        estimates = {
            metric: _estimate(
                metrics.measured.per_class[metric][0, column], metrics.resampled.per_class[metric][:, column],
                int(needed.get(metric, there)[column]),
            )
            for metric in PER_CLASS
        }  # fmt: skip
        if MIN_GROUPS <= there[column] == count:
            hits = int((positive & decisions)[:, column].sum())
            low, high = wilson_interval(hits, count)
            estimates["recall"] = Estimate(value=hits / count, low=low, high=high)
        table[name] = LabelEstimates(
            known=int(known[:, column].sum()), positives=count, predicted=int(predicted[:, column].sum()),
            groups=int(there[column]), **estimates,
        )  # fmt: skip
    return table


def estimate_label_means(cells: LabelCells, metrics: ResampledMetrics) -> dict[str, Estimate]:
    """The metrics of all classes, by id; a mean over classes has an interval where each has 10 groups with a positive.

    Args:
        cells: the ground truth.
        metrics: of a model's decisions.
    """
    witnesses = _witnesses(cells)
    estimates = {
        name: _estimate(metrics.measured.overall[name][0], metrics.resampled.overall[name], witnesses[name])
        for name in OVERALL
    }
    images = int((cells.targets >= 0).any(axis=1).sum())
    accuracy = estimates["subset_accuracy"].value
    if accuracy is not None and MIN_GROUPS <= witnesses["subset_accuracy"] == images:
        low, high = wilson_interval(round(accuracy * images), images)
        estimates["subset_accuracy"] = Estimate(value=accuracy, low=low, high=high)
    return estimates


def label_differences(
    cells: LabelCells, first: ResampledMetrics, other: ResampledMetrics
) -> dict[str, Difference]:
    """First minus other, by id, of the metrics that are measurable for both; with intervals as for one model.

    Args:
        cells: the ground truth.
        first: metrics of one model.
        other: of another one, on the same cells.
    """
    witnesses, differences = _witnesses(cells), {}
    for name in OVERALL:
        values = [none_if_nan(metrics.measured.overall[name][0]) for metrics in (first, other)]
        if values[0] is None or values[1] is None:
            continue
        drawn = first.resampled.overall[name] - other.resampled.overall[name]
        low, high = None, None
        if witnesses[name] >= MIN_GROUPS:
            low, high = _ends(drawn)
            # Where no resample differs: Wilson's limit for 0 of the groups on either side.
            still = 0.0 if low < high else wilson_interval(0, witnesses[name])[1]
            low, high = max(-1.0, low - still), min(1.0, high + still)
        differences[name] = Difference.between(values[0], values[1], low, high)
    return differences


def _witnesses(cells: LabelCells) -> dict[str, int]:
    """The groups that an interval counts: with a known cell, with a positive, or the fewest of a class that has one."""
    known, positive = cells.targets >= 0, cells.targets == 1
    images = np.stack([known.any(axis=1), positive.any(axis=1)], axis=1)
    whole, shown = _count_groups(images, cells.groups).tolist()
    per_class = _count_groups(positive, cells.groups)
    fewest = int(min(per_class[per_class > 0], default=0))
    return {
        name: fewest if name in _CLASS_MEANS else shown if name in ("micro_f1", "sample_f1") else whole
        for name in OVERALL
    }


def _count_groups(cells: Array, groups: Array) -> Array:
    """(C,) groups in which a cell of the (N, C) is true."""
    _, place = np.unique(groups, return_inverse=True)
    shown = np.zeros((place.max(initial=-1) + 1, cells.shape[1]), dtype=bool)
    np.logical_or.at(shown, place, cells)
    return np.asarray(shown.sum(axis=0))


def _estimate(value: float, resampled: Array, groups: int) -> Estimate:
    value_or_none = none_if_nan(value)
    if value_or_none is None or groups < MIN_GROUPS:
        return Estimate(value=value_or_none)
    return make_estimate(value_or_none, *_ends(resampled), groups)


def _ends(resampled: Array) -> tuple[float, float]:
    low, high = percentile_ends(resampled[~np.isnan(resampled)])
    return float(low), float(high)
