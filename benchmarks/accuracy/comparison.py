"""Compare Pupila with each other method: per task a paired test, over all sources a mean difference and its interval.

Tasks of one source are one cluster: their differences are averaged first, and the interval counts sources. It is the
t interval of their means, which holds its 95 % for few sources (a simulation in the tests).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

import numpy as np

from benchmarks.accuracy.catalogue import PUPILA
from benchmarks.accuracy.rows import FINISHED, Row, TaskRow, decode_classes, decode_dice
from benchmarks.accuracy.written import CLASSIFY, SEGMENT, Array
from pupila.statistics.tests import SIGNIFICANT, holm, sign_flip

ACCURACY, MACRO_F1, DICE = "accuracy", "macro F1", "Dice"


@dataclass(frozen=True, slots=True)
class MethodScores:
    """A method on a task: means over its seeds."""

    task: str
    source: str
    target: str
    method: str
    score: float  # accuracy or mean Dice
    macro_f1: float
    cpu_seconds: float
    seeds: int
    failed: int  # of them without a model of their own
    images: Array  # (N,) score of each test image

    def metric(self, name: str) -> float:
        """The mean of a metric over the seeds."""
        return self.macro_f1 if name == MACRO_F1 else self.score


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """Pupila minus another method on one task."""

    task: str
    source: str
    difference: float
    p_value: float  # permutation test over groups of test images
    corrected: float  # Holm over the tasks of this comparison

    @property
    def verdict(self) -> str:
        """Whether it is significant after the correction."""
        if self.corrected >= SIGNIFICANT:
            return "not distinguishable"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """The mean over sources, and its 95 % interval; None for fewer than two sources."""

    mean: float
    low: float | None
    high: float | None
    sources: int


def score_methods(
    rows: Iterable[Row], tasks: dict[str, TaskRow], sources: dict[str, str]
) -> list[MethodScores]:
    """A record for each task and method.

    Args:
        rows: of one CPU limit per target.
        tasks: labels and groups by task.
        sources: source by task.

    Raises:
        ValueError: a row is of another split of its task.
    """
    by_method: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.data != tasks[row.task].data:
            raise ValueError(f"{row.task} {row.method}: the row is of another split")
        by_method[row.task, row.method].append(row)
    scores = []
    for (name, method), group in by_method.items():
        task = tasks[name]
        scores.append(
            MethodScores(
                name, sources[name], CLASSIFY if task.labels else SEGMENT, method,
                fmean(row.score for row in group), fmean(row.macro_f1 for row in group),
                fmean(row.cpu_seconds for row in group), len(group),
                sum(row.status != FINISHED for row in group),
                np.mean([_image_scores(row, task) for row in group], axis=0),
            )
        )  # fmt: skip
    return scores


def _image_scores(row: Row, task: TaskRow) -> Array:
    if not task.labels:
        return decode_dice(row.scores)
    right: Array = decode_classes(row.scores) == decode_classes(task.labels)
    return right.astype(float)


def compare_tasks(
    scores: list[MethodScores], other: str, tasks: dict[str, TaskRow], ours: str = PUPILA
) -> list[TaskDifference]:
    """Ours minus the other method on the tasks that both have, with Holm's correction over them."""
    by_name = {(score.task, score.method): score for score in scores}
    pairs = [(s, by_name[s.task, other]) for s in scores if s.method == ours and (s.task, other) in by_name]
    p_values = []
    for first, second in pairs:
        groups = np.array([int(word) for word in tasks[first.task].groups.split()])
        # Whole numbers where few seeds are averaged: the test is exact for those.
        whole = (first.images - second.images) * first.seeds * second.seeds
        p_values.append(sign_flip(np.round(whole, 9), groups))
    return [
        TaskDifference(first.task, first.source, first.score - second.score, p_value, corrected)
        for (first, second), p_value, corrected in zip(pairs, p_values, holm(p_values), strict=True)
    ]


def mean_over_sources(values: Iterable[tuple[str, float]]) -> MeanDifference:
    """The mean of (source, value) with sources as units, and the t interval of the sources' means."""
    from scipy.stats import t

    by_source: dict[str, list[float]] = defaultdict(list)
    for source, value in values:
        by_source[source].append(value)
    means = [fmean(group) for group in by_source.values()]
    mean, count = fmean(means), len(means)
    if count < 2:
        return MeanDifference(mean, None, None, count)
    half = float(t.ppf(0.975, count - 1)) * stdev(means) / sqrt(count)
    return MeanDifference(mean, mean - half, mean + half, count)


def regrets(scores: list[MethodScores], method: str, metric: str) -> list[tuple[str, float]]:
    """(source, the best method's metric minus that of this one) of each task that it has; 0 where it is the best."""
    best: dict[str, float] = {}
    for score in scores:
        best[score.task] = max(best.get(score.task, 0.0), score.metric(metric))
    return [(s.source, best[s.task] - s.metric(metric)) for s in scores if s.method == method]
