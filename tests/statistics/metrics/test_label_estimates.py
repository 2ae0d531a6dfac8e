"""Intervals of several labels: groups are the witnesses, and what was not measured has no value."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pupila.statistics.intervals import MIN_GROUPS, wilson_interval
from pupila.statistics.metrics.label_estimates import (
    LabelCells,
    LabelEstimates,
    estimate_label_means,
    estimate_labels,
    label_differences,
    resample_metrics,
)
from pupila.statistics.metrics.multilabel import OVERALL, PER_CLASS
from tests.label_metrics import measure_exactly
from tests.statistics.known import width

Array = NDArray[Any]
RARE, NEVER, UNKNOWN = 2, 3, 4  # columns: shown in four groups, in none, and nowhere known


def draw(images: int = 60, seed: int = 0) -> tuple[Array, Array, Array]:
    """Targets, decisions and scores of five classes, each image as often wrong as right where it is hard."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((images, 5)) < [0.6, 0.5, 0, 0, 0.5]).astype(np.int8)
    targets[:4, RARE] = 1
    scores = np.clip(0.3 * targets + 0.7 * rng.random(targets.shape), 0, 1)
    targets[:, UNKNOWN] = -1
    return targets, scores >= 0.5, scores


def estimate(repeats: int = 1) -> tuple[dict[str, LabelEstimates], LabelCells, Array, Array]:
    """The estimates by class, with each image as often as given in one group."""
    targets, decisions, scores = (np.repeat(part, repeats, axis=0) for part in draw())
    cells = LabelCells(targets, np.repeat(np.arange(60), repeats))
    metrics = resample_metrics(cells, decisions, scores)
    return estimate_labels(cells, decisions, metrics, list("abcde")), cells, decisions, scores


def test_the_values_are_those_of_the_images_and_lie_in_their_intervals() -> None:
    table, cells, decisions, scores = estimate()
    exact = measure_exactly(cells.targets, decisions, scores)
    for row, expected in zip(table.values(), exact.classes, strict=True):
        for name in PER_CLASS:
            figure = getattr(row, name)
            assert figure.value == expected[name]
            assert figure.low is None or figure.low <= figure.value <= figure.high
    means = estimate_label_means(cells, resample_metrics(cells, decisions, scores))
    assert {name: row.value for name, row in means.items()} == exact.overall


def test_a_rare_class_has_no_interval_and_takes_that_of_the_means_over_classes() -> None:
    table, cells, decisions, scores = estimate()
    assert (table["c"].positives, table["c"].groups) == (4, 4)
    assert table["c"].recall.low is table["c"].f1.low is table["c"].average_precision.low is None
    assert table["c"].precision.low is not None  # it is predicted in more than ten groups
    means = estimate_label_means(cells, resample_metrics(cells, decisions, scores))
    without = {name for name, row in means.items() if row.low is None}
    assert without == {"mean_average_precision", "macro_f1"}


def test_what_was_not_measured_has_neither_value_nor_interval() -> None:
    table, _, _, _ = estimate()
    for name in ("recall", "f1", "average_precision", "roc_auc"):
        assert getattr(table["d"], name).model_dump() == {"value": None, "low": None, "high": None}
    assert table["d"].precision.value == 0.0  # it was predicted, wrongly
    assert (table["e"].known, table["e"].precision.value) == (0, None)


def test_a_class_that_resamples_may_miss_has_finite_intervals() -> None:
    # shown by the fewest groups that have an interval: about one resample in 20,000 lacks them all, many have one
    targets = np.zeros((200, 1), dtype=np.int8)
    targets[:MIN_GROUPS] = 1
    cells = LabelCells(targets, np.arange(200) // 20)  # ten groups, and one of them has all positives
    scores = np.linspace(1, 0, 200)[:, None]
    row = estimate_labels(cells, scores > 0.9, resample_metrics(cells, scores > 0.9, scores), ["a"])["a"]
    assert row.groups == 1 and row.recall.low is None
    means = estimate_label_means(cells, resample_metrics(cells, scores > 0.9, scores))
    micro = means["micro_f1"]
    assert micro.low is None and micro.value == pytest.approx(2 * 10 / (20 + 10))
    spread = LabelCells(targets, np.arange(200) % 10)
    row = estimate_labels(spread, scores > 0.9, resample_metrics(spread, scores > 0.9, scores), ["a"])["a"]
    assert all(np.isfinite(width(getattr(row, name))) for name in PER_CLASS)


def test_images_of_their_own_have_wilsons_interval() -> None:
    table, cells, decisions, scores = estimate()
    hits = int((decisions[:, 0] & (cells.targets[:, 0] == 1)).sum())
    recall = table["a"].recall
    assert (recall.low, recall.high) == wilson_interval(hits, table["a"].positives)
    subset = estimate_label_means(cells, resample_metrics(cells, decisions, scores))["subset_accuracy"]
    assert subset.value is not None
    assert (subset.low, subset.high) == wilson_interval(round(60 * subset.value), 60)


def test_five_images_of_one_group_do_not_count_as_five() -> None:
    alone, grouped = estimate()[0]["a"], estimate(5)[0]["a"]
    for name in PER_CLASS:
        assert getattr(grouped, name).value == pytest.approx(getattr(alone, name).value)
        assert width(getattr(grouped, name)) == pytest.approx(width(getattr(alone, name)), rel=0.25)


def test_nine_groups_have_no_interval() -> None:
    targets, decisions, scores = draw()
    cells = LabelCells(targets, np.arange(60) % (MIN_GROUPS - 1))
    means = estimate_label_means(cells, resample_metrics(cells, decisions, scores))
    assert all(row.low is None for row in means.values())


def test_differences_are_paired() -> None:
    targets, decisions, scores = draw(200)
    targets[:, RARE] = np.arange(200) % 2
    cells = LabelCells(targets, np.arange(200))
    better = np.where(targets == 1, scores + 0.05, scores)
    first, other = (resample_metrics(cells, part >= 0.5, part) for part in (better, scores))
    same = label_differences(cells, other, other)
    assert {name: (row.first - row.other, row.change) for name, row in same.items()} == dict.fromkeys(
        OVERALL, (0.0, 0.0)
    )
    assert all(row.low is not None and row.low < 0 < (row.high or 0) for row in same.values())
    gain = label_differences(cells, first, other)
    assert gain["mean_average_precision"].low is not None and gain["mean_average_precision"].low > 0
    assert gain["micro_f1"].low is not None and gain["micro_f1"].low > 0
    assert gain["hamming_loss"].high is not None and gain["hamming_loss"].high < 0
    assert decisions.any()


def test_a_metric_that_only_one_model_has_is_not_compared() -> None:
    targets, decisions, scores = draw()
    cells = LabelCells(targets, np.arange(60))
    ranked, bare = resample_metrics(cells, decisions, scores), resample_metrics(cells, decisions, None)
    assert label_differences(cells, ranked, bare).keys() == {*OVERALL} - {"mean_average_precision"}
