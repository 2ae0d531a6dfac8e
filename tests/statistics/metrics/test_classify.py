"""Metrics against a matrix worked out by hand, against scikit-learn, and at their edges."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from pupila.statistics.metrics.classify import (
    OVERALL,
    Array,
    accuracy,
    balanced_accuracy,
    confusion,
    f1,
    macro_f1,
    precision,
    recall,
    roc_auc,
)

HAND = np.array([[5, 1, 0], [2, 6, 2], [0, 0, 4]])  # row the targets, column the prediction


@st.composite
def random_predictions(draw: st.DrawFn) -> tuple[Array, Array, int]:
    """(targets, predictions, classes), each class not necessarily there."""
    classes = draw(st.integers(2, 5))
    n = draw(st.integers(1, 60))
    numbers = st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)
    return np.array(draw(numbers)), np.array(draw(numbers)), classes


def test_the_matrix_has_the_targets_in_rows() -> None:
    result = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 4)
    assert result.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_every_metric_by_hand() -> None:
    assert accuracy(HAND) == pytest.approx(15 / 20)
    assert precision(HAND) == pytest.approx([5 / 7, 6 / 7, 4 / 6])
    assert recall(HAND) == pytest.approx([5 / 6, 6 / 10, 1])
    assert f1(HAND) == pytest.approx([10 / 13, 12 / 17, 8 / 10])
    assert macro_f1(HAND) == pytest.approx((10 / 13 + 12 / 17 + 8 / 10) / 3)
    assert balanced_accuracy(HAND) == pytest.approx((5 / 6 + 6 / 10 + 1) / 3)


def test_a_class_that_does_not_occur_is_left_out() -> None:
    wider = np.zeros((4, 4), dtype=int)
    wider[:3, :3] = HAND
    for name, metric in OVERALL.items():
        assert metric(wider) == pytest.approx(metric(HAND)), name


def test_a_class_that_is_only_predicted_counts_in_f1_and_not_in_balanced_accuracy() -> None:
    # 3 of class 0, one of them called 1: F1 4/5 and 0, recall 2/3
    matrix = np.array([[2, 1], [0, 0]])
    assert macro_f1(matrix) == pytest.approx(0.4)
    assert balanced_accuracy(matrix) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_no_image_at_all_is_zero(name: str) -> None:
    assert OVERALL[name](np.zeros((3, 3), dtype=int)) == 0


@pytest.mark.parametrize("name", sorted(OVERALL))
def test_many_matrices_at_once_are_the_same_as_one_by_one(name: str) -> None:
    many = np.random.default_rng(0).integers(0, 4, (50, 3, 3))
    many[0] = 0
    assert OVERALL[name](many) == pytest.approx([float(OVERALL[name](each)) for each in many])


@given(random_predictions())
def test_metrics_equal_those_of_scikit_learn(data: tuple[Array, Array, int]) -> None:
    targets, predictions, classes = data
    matrix = confusion(targets, predictions, classes)
    labels = range(classes)
    options = {"labels": labels, "average": None, "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they warn of classes without an image, and of a single label
        assert (matrix == theirs.confusion_matrix(targets, predictions, labels=labels)).all()
        assert accuracy(matrix) == pytest.approx(theirs.accuracy_score(targets, predictions))
        assert balanced_accuracy(matrix) == pytest.approx(
            theirs.balanced_accuracy_score(targets, predictions)
        )
        assert macro_f1(matrix) == pytest.approx(
            theirs.f1_score(targets, predictions, average="macro", zero_division=0)
        )
        assert precision(matrix) == pytest.approx(theirs.precision_score(targets, predictions, **options))
        assert recall(matrix) == pytest.approx(theirs.recall_score(targets, predictions, **options))
        assert f1(matrix) == pytest.approx(theirs.f1_score(targets, predictions, **options))


def test_auc_by_hand_with_a_tie() -> None:
    # positives 3 and 2 against negatives 2 and 1: 3 > 2, 3 > 1, 2 = 2 counts half, 2 > 1
    targets = np.array([True, True, False, False])
    assert roc_auc(targets, np.array([3.0, 2.0, 2.0, 1.0])) == pytest.approx(3.5 / 4)
    assert roc_auc(targets, np.array([4.0, 3.0, 2.0, 1.0])) == 1.0
    assert roc_auc(targets, np.zeros(4)) == 0.5


@pytest.mark.parametrize("only", [True, False])
def test_there_is_no_auc_without_both_classes(only: bool) -> None:
    assert roc_auc(np.full(5, only), np.arange(5.0)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_auc_with_ties_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    targets, scores = np.array([t for t, _ in rows]), np.array([s / 7 for _, s in rows])
    result = roc_auc(targets, scores)
    if result is None:
        assert len(set(targets.tolist())) == 1
        return
    assert result == pytest.approx(theirs.roc_auc_score(targets, scores))
    assert result == pytest.approx(1 - (roc_auc(targets, -scores) or 0.0))
