"""Comparing models on the same images: a table with change in %, exact tests, and a verdict in a word."""

from functools import partial
from typing import Any

import numpy as np

from pupila.evaluate.answers import Answers
from pupila.images import Array
from pupila.metrics.classify import OVERALL
from pupila.metrics.intervals import drawn
from pupila.stats import (
    FEW_GROUPS,
    MARGIN,
    Statistic,
    bootstrap,
    holm,
    images_to_settle,
    mcnemar,
    verdict,
    wilson_interval,
)

Compared = dict[str, Any]


def compare(
    first: Answers, others: list[Answers], truth: Array, groups: Array, classes: int
) -> list[Compared]:
    """Each other model beside the first, on the same N images.

    Args:
        first: the model that is judged.
        others: what it is compared with; all answer the same rows.
        truth: (N,) class numbers.
        groups: (N,) group numbers.
        classes: C.

    Returns:
        One row for each other: differences are first minus other, so "better" is said of the first.
    """
    rows = [_one(first, other, truth, groups, classes) for other in others]
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p
        interval = row["metrics"]["accuracy"]
        row["verdict"] = (
            verdict((interval["low"], interval["high"]), p)
            if interval["low"] is not None
            else "not distinguishable"
        )
    return rows


def _one(first: Answers, other: Answers, truth: Array, groups: Array, classes: int) -> Compared:
    ours, theirs = first.answers == truth, other.answers == truth
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    metrics = {}
    for name, metric in OVERALL.items():
        of = [drawn(truth, a.answers, classes, metric) for a in (first, other)]
        values = [float(one(np.ones((1, len(truth)), dtype=np.int64))[0]) for one in of]
        low, high = _interval(groups, of)
        change = (values[0] - values[1]) / values[1] if values[1] else None
        metrics[name] = {"first": values[0], "other": values[1], "change": change, "low": low, "high": high}
    return {
        "name": other.name, "version": other.version, "n": len(truth), "only_first": only_ours,
        "only_other": only_theirs, "p_value": mcnemar(only_ours, only_theirs), "margin": MARGIN, "metrics": metrics,
        "images_to_settle": images_to_settle(only_ours, only_theirs, len(truth)),
    }  # fmt: skip


def _interval(groups: Array, of: list[Statistic]) -> tuple[float | None, float | None]:
    """Of the difference; where no draw differs, what Wilson allows of none of the groups still may."""
    told = len(set(groups.tolist()))
    if told < FEW_GROUPS:
        return None, None
    low, high = bootstrap(groups, partial(_difference, of))
    unseen = 0.0 if low < high else wilson_interval(0, told)[1]
    return max(-1.0, low - unseen), min(1.0, high + unseen)


def _difference(of: list[Statistic], times: Array) -> Array:
    return of[0](times) - of[1](times)
