"""Configurations on the same images: by hand, against other tests, and with what is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupila.experiments.outcomes.pairs import OutcomeTable
from pupila.experiments.outcomes.scorer import ImageOutcomes
from pupila.experiments.outcomes.scorers import OUTCOME_SCORERS
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.classify import confusion, macro_f1
from pupila.statistics.metrics.multilabel import mean_average_precision
from pupila.statistics.metrics.segment import selection_score
from pupila.statistics.tests import exchange_test, permutation_test, sign_flip
from pupila.tasks.label_text import PRESENT

COUNT = 24  # images


def _table(task: str, runs: list[Array], targets: Array, groups: Array | None = None) -> OutcomeTable:
    own = np.arange(len(targets)) if groups is None else groups
    return OutcomeTable(OUTCOME_SCORERS[task], ImageOutcomes(targets, runs), own)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=8), st.integers(0, 9))
@settings(max_examples=12)
def test_of_a_mean_over_images_the_exchange_is_the_sign_flip(scores: list[int], seed: int) -> None:
    first, other = np.array(scores) / 4, np.random.default_rng(seed).integers(0, 4, len(scores)) / 4
    groups = np.arange(len(scores)) // 2
    both = np.concatenate([first, other])
    p_value = exchange_test(lambda times: times @ both / len(first), groups)
    assert p_value == pytest.approx(sign_flip(first - other, groups))


def test_of_a_metric_of_sums_the_exchange_is_the_permutation_test() -> None:
    rng = np.random.default_rng(3)
    first, other = (rng.integers(0, 3, (10, 2)).astype(float) for _ in range(2))

    def score(sums: Array) -> Array:
        return np.asarray(2 * sums[:, 0] / np.maximum(sums[:, 1], 1))

    both, groups = np.concatenate([first, other]), np.arange(10)
    p_value = exchange_test(lambda times: score(times @ both), groups)
    assert p_value == pytest.approx(permutation_test(first, other, groups, score))


def test_two_images_exchanged_by_hand() -> None:
    # the first model is right on both: gaps of the 4 exchanges are 1, 0, 0, 1 of 1
    assert exchange_test(lambda times: times @ np.array([1.0, 1, 0, 0]) / 2, np.arange(2)) == 2 / 4
    assert exchange_test(lambda times: times @ np.array([1.0, 1, 0, 0]) / 2, np.zeros(2)) == 1.0
    equal = np.array([True, False])  # the second image is the same for both
    assert exchange_test(lambda times: times @ np.array([1.0, 1, 0, 1]) / 2, np.arange(2), equal) == 1.0
    assert exchange_test(lambda times: times @ np.full(4, np.nan), np.arange(2)) == 1.0


def test_scores_are_the_metric_that_chooses_the_epoch() -> None:
    rng = np.random.default_rng(0)
    targets, predicted = rng.integers(0, 3, COUNT), rng.integers(0, 3, COUNT)
    expected = float(macro_f1(confusion(targets, predicted, 3)))
    assert _table("classify", [predicted], targets).score([0]) == pytest.approx(expected)
    labels, logits = rng.integers(-1, 2, (COUNT, 2)), rng.normal(size=(COUNT, 2))
    table = _table("multilabel", [logits], labels)
    assert table.score([0]) == pytest.approx(mean_average_precision(labels, logits))
    for classes in (2, 3):
        pixels = rng.integers(0, 9, (COUNT, classes, classes))
        pixels[0] = 0  # an image without a labelled pixel
        table = _table("segment", [pixels], np.zeros(COUNT))
        assert table.score([0]) == pytest.approx(selection_score(pixels))
    ious = rng.random(COUNT)
    ious[:2] = np.nan  # images without a target
    assert _table("prompt", [ious], np.zeros(COUNT)).score([0]) == pytest.approx(np.nanmean(ious))


def test_a_configuration_scores_the_mean_of_its_seeds() -> None:
    targets = np.tile([0, 1], COUNT // 2)
    right, wrong, half = targets, 1 - targets, np.where(np.arange(COUNT) < COUNT // 2, targets, 1 - targets)
    table = _table("classify", [right, wrong, half], targets)
    assert table.score([0, 1]) == pytest.approx(0.5)
    assert table.score([0, 2]) == pytest.approx(0.75)
    result = table.compare([(0, 2), (1, 2)])
    assert result is not None and result.runs == 2
    assert result.difference.first - result.difference.other == pytest.approx(0.0)
    assert result.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("task", sorted(OUTCOME_SCORERS))
def test_the_same_predictions_are_equal_and_opposite_ones_are_not(task: str) -> None:
    rng = np.random.default_rng(1)
    targets: Array = np.tile([0, 1], COUNT // 2)
    runs = {
        "classify": [targets, 1 - targets],
        "multilabel": [targets[:, None] + 0.01 * rng.random((COUNT, 1)), 1.0 - targets[:, None]],
        "segment": [np.tile([[5, 0], [0, 5]], (COUNT, 1, 1)), np.tile([[0, 5], [5, 0]], (COUNT, 1, 1))],
        "prompt": [np.full(COUNT, 0.9), np.full(COUNT, 0.2)],
    }[task]
    expected = targets[:, None] if task == "multilabel" else targets
    assert PRESENT == 1
    table = _table(task, runs, expected)
    same, opposite = table.compare([(0, 0)]), table.compare([(0, 1)])
    assert same is not None and same.p_value == 1.0
    assert (
        same.difference.low is not None and same.difference.low < 0
    )  # few images exclude no small difference
    assert opposite is not None and opposite.p_value < 0.001
    assert opposite.difference.low is not None and opposite.difference.low > 0


def test_few_groups_have_no_interval_and_no_score_has_no_test() -> None:
    targets = np.tile([0, 1], COUNT // 2)
    table = _table("classify", [targets, 1 - targets], targets, np.arange(COUNT) // 3)
    assert table.interval([0]) is None
    result = table.compare([(0, 1)])
    assert result is not None and result.difference.low is None
    unmeasurable = _table("multilabel", [np.zeros((COUNT, 1))] * 2, np.full((COUNT, 1), -1))
    assert unmeasurable.score([0]) is None
    assert unmeasurable.compare([(0, 1)]) is None


def test_an_interval_contains_its_score_even_where_all_is_right() -> None:
    targets = np.tile([0, 1], COUNT // 2)
    interval = _table("classify", [targets], targets).interval([0])
    assert interval is not None
    assert interval[0] < 1.0 == interval[1]


def test_groups_and_not_images_are_evidence() -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(0.5, 0.1, COUNT)
    scorer = OUTCOME_SCORERS["prompt"]
    outcomes = ImageOutcomes(np.zeros(COUNT), [first, first - 0.1])
    alone = OutcomeTable(scorer, outcomes, np.arange(COUNT)).compare([(0, 1)])
    few = OutcomeTable(scorer, outcomes, np.arange(COUNT) // 8).compare([(0, 1)])
    assert alone is not None and alone.p_value < 0.001
    assert few is not None and few.p_value == pytest.approx(2 / 8)
