"""The figures of every slice: its metric, the difference to all other images, and a test over groups."""

from collections.abc import Mapping

import numpy as np

from pupila.artifacts.report.evaluation.slices import Slice, SliceReport
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.slices.columns import SIZE, Cells, Part, cut
from pupila.stages.evaluate.verdicts import widen_interval
from pupila.statistics.estimate import Difference
from pupila.statistics.intervals import MIN_GROUPS, bootstrap
from pupila.statistics.metrics.estimates import estimate_scores
from pupila.statistics.tests import compare_with_rest, holm, verdict


def report_slices(scores: ImageScores, columns: Mapping[str, Cells | None]) -> list[SliceReport]:
    """Every metric by every column.

    Args:
        scores: of the images or masks.
        columns: by name, a cell for each row of the data set; None for the size of the object.

    Returns:
        One report for each column and metric. Holm's correction counts the tests of all of them; of two slices that
        make up all images there is one test.

    Raises:
        PupilaError: sizes without masks, or a column without a value.
    """
    reports = []
    for by, column in columns.items():
        cells = _sizes(scores) if column is None else [column[row] for row in scores.rows]
        for metric, values in scores.scores.items():
            counted = ~np.isnan(values)
            parts, thirds = cut([cell for cell, there in zip(cells, counted, strict=True) if there], by)
            slices = [_slice(part, values[counted], scores.groups[counted]) for part in parts]
            reports.append(SliceReport(
                by=by, metric=metric, unit=scores.unit, thirds=thirds, tests=0, slices=slices,
            ))  # fmt: skip
    return _correct(reports)


def _sizes(scores: ImageScores) -> Cells:
    if scores.sizes is None:
        raise PupilaError(
            say("--by {by} needs masks", by=SIZE), actual=say("a data set without masks"),
            expected=say("the area of the object in each image"),
            remedy=say("--by width, --by height, or a column of the data"),
        )  # fmt: skip
    return [None if np.isnan(size) else float(size) for size in scores.sizes]


def _slice(part: Part, values: Array, groups: Array) -> Slice:
    inside = part.inside
    own, others = len(np.unique(groups[inside])), len(np.unique(groups[~inside]))
    enough = own >= MIN_GROUPS <= others
    difference = None if inside.all() else _difference(values, inside, groups, enough)
    return Slice(
        value=part.value, low=part.low, high=part.high, n=int(inside.sum()), groups=own,
        estimate=estimate_scores(values[inside], groups[inside]), difference=difference,
        p_value=compare_with_rest(values, inside, groups) if enough else None, p_holm=None, verdict=None,
    )  # fmt: skip


def _difference(values: Array, inside: Array, groups: Array, enough: bool) -> Difference:
    """The mean of a slice minus that of all other images, with the interval of a cluster bootstrap."""
    first, other = float(values[inside].mean()), float(values[~inside].mean())

    def statistic(times: Array) -> Array:
        within, outside = times * inside, times * ~inside
        counts = np.stack([within.sum(axis=1), outside.sum(axis=1)])
        means = np.stack([within @ values, outside @ values]) / np.maximum(counts, 1)
        return np.where((counts > 0).all(axis=0), means[0] - means[1], first - other)

    low, high = None, None
    if enough:
        fewer = groups[inside] if inside.sum() < (~inside).sum() else groups[~inside]
        low, high = widen_interval(*bootstrap(groups, statistic), fewer)
    return Difference.between(first, other, low, high)


def _correct(reports: list[SliceReport]) -> list[SliceReport]:
    """The reports with Holm-corrected p-values and verdicts."""
    tested = [
        (place, number)
        for place, report in enumerate(reports)
        for number, row in enumerate(report.slices)
        if row.p_value is not None and not (len(report.slices) == 2 and number)
    ]
    p_values = [reports[place].slices[number].p_value or 0.0 for place, number in tested]
    corrected = dict(zip(tested, holm(p_values), strict=True))
    return [
        report.model_copy(update={
            "tests": len(tested),
            "slices": [
                _decide(row, corrected.get((place, 0 if len(report.slices) == 2 else number)))
                for number, row in enumerate(report.slices)
            ],
        })
        for place, report in enumerate(reports)
    ]  # fmt: skip


def _decide(row: Slice, p_holm: float | None) -> Slice:
    difference = row.difference
    if p_holm is None or difference is None or difference.low is None or difference.high is None:
        return row
    word = verdict((difference.low, difference.high), p_holm)
    return row.model_copy(update={"p_holm": p_holm, "verdict": word})
