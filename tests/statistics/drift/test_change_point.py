"""Since when a stream has changed, and the least change that is shown."""

from math import log, sqrt

import numpy as np
import pytest

from pupila.statistics.drift.change_point import find_change, smallest_shift


def test_a_clear_change_is_found_to_the_row_and_a_change_before_the_stream_is_its_first_row() -> None:
    reference, quiet, changed = np.arange(20.0), np.arange(0.5, 10), 100 + np.arange(10.0)
    assert find_change(reference[:, None], np.concatenate([quiet, changed])[:, None]) == len(quiet)
    assert find_change(reference[:, None], changed[:, None]) == 0


def test_a_short_stream_and_unknown_values_are_no_error() -> None:
    reference = np.arange(20.0)[:, None]
    assert find_change(reference, np.array([[100.0]])) == 0
    stream = np.concatenate([np.arange(9.0), np.full(4, np.nan), 50 + np.arange(9.0)])[:, None]
    assert 9 <= find_change(reference, stream) <= 13


def test_a_stream_that_the_reference_does_not_know_is_dated_by_itself() -> None:
    rng = np.random.default_rng(1)
    stream = np.concatenate([rng.normal(size=40), rng.normal(3, 1, 40)])[:, None]
    assert abs(find_change(np.full((300, 1), np.nan), stream) - 40) <= 2


@pytest.mark.parametrize(("shift", "within"), [(0.8, 12), (1.2, 6)])
def test_a_planted_change_is_dated_within_some_groups(shift: float, within: int) -> None:
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stream = rng.normal(size=(160, 1))
        stream[100:] += shift
        errors.append(abs(find_change(rng.normal(size=(300, 1)), stream) - 100))
    assert np.quantile(errors, 0.75) <= within


def test_the_smallest_shift_falls_with_the_groups() -> None:
    assert smallest_shift(200, 200, 1000, 5) == pytest.approx(sqrt(2 * log(5000) / 100))
    assert smallest_shift(200, 10**9, 1000, 5) == pytest.approx(sqrt(2 * log(5000) / 200), rel=1e-3)
    assert smallest_shift(200, 400, 1000, 5) < smallest_shift(200, 200, 1000, 5)
