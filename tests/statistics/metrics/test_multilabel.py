"""Metrics of several labels: scikit-learn's where those are defined, None where nothing was measured."""

from random import Random
from typing import Any

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from pupila.statistics.metrics.multilabel import (
    OVERALL,
    PER_CLASS,
    mean_average_precision,
    none_if_nan,
    overall_metrics,
    resampled_values,
)
from pupila.statistics.metrics.ranking import precision_recall
from tests.label_metrics import measure_exactly

Array = NDArray[Any]
Cells = tuple[Array, Array, Array]


def random_cells(rng: np.random.Generator, unknown: float) -> Cells:
    """Targets, decisions and scores with ties; some classes without positives, some with nothing else."""
    n, c = int(rng.integers(2, 41)), int(rng.integers(1, 9))
    chances = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0], c, p=[0.1, 0.25, 0.35, 0.2, 0.1])
    targets = (rng.random((n, c)) < chances).astype(np.int8)
    steps = int(rng.choice([2, 5, 1000]))
    scores = rng.integers(0, steps, (n, c)) / steps
    decisions = scores >= rng.random(c)
    targets[rng.random((n, c)) < unknown] = -1
    return targets, decisions, scores


def expected_per_class(targets: Array, decisions: Array, scores: Array) -> list[dict[str, float | None]]:
    """By scikit-learn, without unknown cells: the metrics of each class, None where it says that one is not defined."""
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(
        _as_labels(targets), _as_labels(decisions), average=None, zero_division=np.nan
    )
    classes = targets.shape[1]
    areas = np.atleast_1d(oracle.average_precision_score(targets, scores, average=None))
    both = [0 < targets[:, column].sum() < len(targets) for column in range(classes)]
    ranked = iter(
        np.atleast_1d(
            oracle.roc_auc_score(targets[:, both], scores[:, both], average=None) if any(both) else []
        )
    )
    there: list[bool] = [bool(column.any()) for column in targets.T]
    return [
        {
            "precision": float(precision[k]) if decisions[:, k].any() else None,
            "recall": float(recall[k]) if there[k] else None, "f1": float(f1[k]) if there[k] else None,
            "average_precision": float(areas[k]) if both[k] else None,  # scikit-learn says 1 without a negative
            "roc_auc": float(next(ranked)) if both[k] else None,
        }
        for k in range(classes)
    ]  # fmt: skip


def expected_overall(targets: Array, decisions: Array) -> dict[str, float | None]:
    """By scikit-learn, without unknown cells."""
    labels, named = _as_labels(targets), _as_labels(decisions)
    there, measurable = bool(targets.any()), bool(targets.any() or decisions.any())
    return {
        "micro_f1": float(oracle.f1_score(labels, named, average="micro")) if there else None,
        "sample_f1": float(oracle.f1_score(labels, named, average="samples", zero_division=np.nan))
        if measurable else None,
        "subset_accuracy": float(oracle.accuracy_score(targets, decisions)),
        "hamming_loss": float(oracle.hamming_loss(targets, decisions)),
    }  # fmt: skip


def _as_labels(cells: Array) -> Array:
    """With a class that never occurs: scikit-learn would read a single column as two classes."""
    return np.pad(cells.astype(int), ((0, 0), (0, 1)))


def check_case(rng: np.random.Generator, unknown: float) -> int:
    """Compare one random case, and give the number of its classes."""
    targets, decisions, scores = random_cells(rng, unknown)
    result, known = measure_exactly(targets, decisions, scores), targets >= 0
    if unknown:
        expected_rows = [
            expected_per_class(*(part[known[:, k], k : k + 1] for part in (targets, decisions, scores)))[0]
            if known[:, k].any() else dict.fromkeys(PER_CLASS)
            for k in range(targets.shape[1])
        ]  # fmt: skip
    else:
        expected_rows = expected_per_class(targets, decisions, scores)
        expected = expected_overall(targets, decisions)
        assert {name: result.overall[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    for row, values in zip(result.classes, expected_rows, strict=True):
        assert row == pytest.approx(values, abs=1e-12)
    for mean, of in (("mean_average_precision", "average_precision"), ("macro_f1", "f1")):
        there = [value for row in expected_rows if (value := row[of]) is not None]
        assert result.overall[mean] == (pytest.approx(np.mean(there)) if there else None)
    assert mean_average_precision(targets, scores) == result.overall["mean_average_precision"]
    return len(expected_rows)


@pytest.mark.filterwarnings("ignore:No positive class found:UserWarning")
@pytest.mark.parametrize(
    ("cases", "unknown"),
    [
        (1_000, 0.0),
        (25, 0.3),
        pytest.param(1_000, 0.3, marks=pytest.mark.slow),
    ],
)
def test_the_metrics_are_scikit_learns_wherever_those_are_defined(cases: int, unknown: float) -> None:
    rng = np.random.default_rng(0)
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        classes = sum(check_case(rng, unknown) for _ in range(cases))
    assert classes > 3 * cases


def test_an_unknown_cell_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        targets, decisions, scores = random_cells(rng, 0.3)
        unknown = targets < 0
        other = measure_exactly(targets, decisions ^ unknown, np.where(unknown, 9.0, scores))
        assert other == measure_exactly(targets, decisions, scores)


# Columns: present in 2 of 4 and found once; never present and predicted once; never present nor predicted;
# always present and never predicted; unknown.
TARGETS = np.array([[1, 0, 0, 1, -1], [1, 0, 0, 1, -1], [0, 0, 0, 1, -1], [0, -1, 0, 1, -1]], dtype=np.int8)
DECISIONS = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
SCORES = np.array(
    [
        [0.9, 0.8, 0.1, 0.2, 0.9],
        [0.3, 0.1, 0.1, 0.2, 0.9],
        [0.3, 0.1, 0.1, 0.2, 0.1],
        [0.1, 0.9, 0.1, 0.2, 0.1],
    ]
)


def test_what_nothing_was_measured_for_is_none() -> None:
    result = measure_exactly(TARGETS, DECISIONS, SCORES)
    values = [[row[name] for name in PER_CLASS] for row in result.classes]
    # the first: recall 1/2, F1 2/3; AP 1/2 * 1/1 + 1/2 * 2/3; 3.5 of its 4 pairs are in order
    assert values[0] == pytest.approx([1.0, 0.5, 2 / 3, 5 / 6, 3.5 / 4])
    assert values[1:] == [
        [0.0, None, None, None, None], [None] * 5, [None, 0.0, 0.0, None, None], [None] * 5,
    ]  # fmt: skip


def test_the_means_are_taken_over_the_classes_with_a_positive() -> None:
    assert overall_metrics(TARGETS, DECISIONS, SCORES) == pytest.approx({
        "mean_average_precision": 5 / 6, "macro_f1": (2 / 3 + 0) / 2,
        "micro_f1": 2 * 1 / (6 + 2),  # 6 positives, 2 predictions of known cells
        "sample_f1": 2 / 4 / 4,  # images: 2/4, 0, 0, 0
        "subset_accuracy": 0.0, "hamming_loss": 6 / 15,
    })  # fmt: skip


def test_without_positives_or_known_cells_no_metric_is_zero() -> None:
    absent = measure_exactly(np.zeros((3, 2), np.int8), np.zeros((3, 2), bool), np.zeros((3, 2)))
    assert absent.overall == {
        **dict.fromkeys(OVERALL), "subset_accuracy": 1.0, "hamming_loss": 0.0,
    }  # fmt: skip
    unknown = measure_exactly(np.full((3, 2), -1, np.int8), np.ones((3, 2), bool), np.ones((3, 2)))
    assert unknown.overall == dict.fromkeys(OVERALL)
    empty = measure_exactly(np.zeros((0, 2), np.int8), np.zeros((0, 2), bool), np.zeros((0, 2)))
    assert empty.overall == dict.fromkeys(OVERALL)


def test_without_scores_nothing_is_ranked() -> None:
    result = measure_exactly(TARGETS, DECISIONS)
    assert result.overall["mean_average_precision"] is None
    assert all(row["average_precision"] is row["roc_auc"] is None for row in result.classes)
    assert result.overall["macro_f1"] == measure_exactly(TARGETS, DECISIONS, SCORES).overall["macro_f1"]


def test_a_resample_counts_each_image_as_often_as_it_is_drawn() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        cells = random_cells(rng, 0.2)
        times = rng.integers(0, 3, (4, len(cells[0])))
        resampled = resampled_values(*cells)(times)
        for number, row in enumerate(times):
            drawn = resampled_values(*(np.repeat(part, row, axis=0) for part in cells))(
                np.ones((1, row.sum()))
            )
            for name, expected in (drawn.per_class | drawn.overall).items():
                values = (resampled.per_class | resampled.overall)[name]
                np.testing.assert_allclose(values[number], expected[0], atol=1e-12)


def test_the_precision_recall_curve_has_a_point_for_each_score() -> None:
    recall, precision = precision_recall(np.array([0, 1, 1, 0], dtype=bool), np.array([0.2, 0.9, 0.5, 0.5]))
    assert recall.tolist() == [1 / 2, 1.0, 1.0]
    assert precision.tolist() == [1.0, 2 / 3, 2 / 4]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_the_order_of_tied_scores_changes_no_ranking(rows: list[tuple[int, bool]], random: Random) -> None:
    parts = [
        (np.array([[int(t)] for _, t in part], dtype=np.int8), np.array([[s / 5] for s, _ in part]))
        for part in (rows, random.sample(rows, len(rows)))
    ]
    areas = [
        [none_if_nan(resampled_values(t, s > 0.5, s)(np.ones((1, len(t)))).per_class[name][0, 0]) for name in PER_CLASS]
        for t, s in parts
    ]  # fmt: skip
    assert areas[0] == pytest.approx(areas[1], abs=1e-12)
    if any(t for _, t in rows):
        curves = [precision_recall(t[:, 0] == 1, s[:, 0]) for t, s in parts]
        assert np.array_equal(np.stack(curves[0]), np.stack(curves[1]))
