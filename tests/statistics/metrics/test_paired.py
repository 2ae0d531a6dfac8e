"""Two models compared by a metric: known differences, and that the order of models turns the sign."""

import numpy as np
import pytest

from pupila.statistics.intervals import Statistic
from pupila.statistics.metrics.classify import accuracy, macro_f1
from pupila.statistics.metrics.estimates import resampled_metric
from pupila.statistics.metrics.paired import compare_scores

TARGETS = np.arange(40) % 2
GROUPS = np.arange(40)


def statistic(first: object, other: object, metric: object = accuracy) -> Statistic:
    both = np.concatenate([np.asarray(first), np.asarray(other)])
    return resampled_metric(np.tile(TARGETS, 2), both, 2, metric)  # type: ignore[arg-type]


def test_a_difference_by_hand() -> None:
    worse = TARGETS.copy()
    worse[:10] = 1 - worse[:10]  # 10 of 40 images are wrong
    comparison = compare_scores(statistic(TARGETS, worse), GROUPS, worse != TARGETS)
    assert comparison is not None
    assert (comparison.difference.first, comparison.difference.other) == (1.0, 0.75)
    low, high = comparison.difference.low, comparison.difference.high
    assert low is not None and high is not None and 0 < low < 0.25 < high
    assert comparison.p_value == pytest.approx(2 / 2**10)  # all ten images on one side, or on the other
    reverse = compare_scores(statistic(worse, TARGETS), GROUPS, worse != TARGETS)
    assert reverse is not None and reverse.p_value == comparison.p_value
    assert reverse.difference.low == pytest.approx(-high)


def test_equal_models_differ_by_nothing_within_what_the_groups_can_show() -> None:
    comparison = compare_scores(statistic(TARGETS, TARGETS, macro_f1), GROUPS, np.zeros(40, dtype=bool))
    assert comparison is not None and comparison.p_value == 1.0
    low, high = comparison.difference.low, comparison.difference.high
    assert low is not None and high is not None and low == -high < 0 < 0.1 > high


def test_few_groups_have_no_interval() -> None:
    comparison = compare_scores(statistic(TARGETS, 1 - TARGETS), np.arange(40) % 4, np.ones(40, dtype=bool))
    assert comparison is not None and comparison.difference.low is None


def test_what_is_not_measurable_is_not_compared() -> None:
    assert compare_scores(lambda times: np.full(len(times), np.nan), GROUPS, np.ones(40, dtype=bool)) is None
