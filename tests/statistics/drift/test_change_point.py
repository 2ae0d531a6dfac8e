"""Since when a stream has changed, and the least change that is shown."""

from dataclasses import replace

import numpy as np
import pytest

from pupila.statistics.drift.change_point import find_change, smallest_shift
from pupila.statistics.drift.detector import DriftDetector
from pupila.statistics.drift.streams import choose_streams
from tests.statistics.drift.drawn import draw, rows


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
    errors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stream = np.concatenate([rng.normal(size=20), rng.normal(3, 1, 60)])[:, None]
        errors.append(abs(find_change(np.full((300, 1), np.nan), stream) - 20))
    assert np.mean(errors) < 1


@pytest.mark.parametrize(("shift", "within"), [(0.8, 12), (1.2, 6)])
def test_a_planted_change_is_dated_within_some_groups(shift: float, within: int) -> None:
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stream = rng.normal(size=(160, 1))
        stream[100:] += shift
        errors.append(abs(find_change(rng.normal(size=(300, 1)), stream) - 100))
    assert np.quantile(errors, 0.75) <= within


def test_the_smallest_shift_falls_with_the_groups_and_few_groups_have_none() -> None:
    shifts = [
        smallest_shift(*groups, 1000, 0.1) or 9 for groups in ((50, 50), (200, 50), (200, 200), (500, 5000))
    ]
    assert shifts == sorted(shifts, reverse=True) and shifts[0] < 2 and shifts[-1] < 0.5
    assert (smallest_shift(200, 200, 10_000, 0.1) or 0) > shifts[2]
    assert smallest_shift(5, 10_000, 1000, 0.1) is smallest_shift(500, 1, 1000, 0.1) is None


@pytest.mark.parametrize(
    ("reference", "stream", "every"), [(30, 30, 10_000), (60, 100, 10_000), (200, 200, 1000)]
)
@pytest.mark.parametrize("family", ["brightness", "embedding"])
def test_the_smallest_shift_is_shown_half_of_the_time_or_more(
    reference: int, stream: int, every: int, family: str
) -> None:
    alarms = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        before, after = draw(random, reference, 8), draw(random, stream, 8)
        shift = smallest_shift(reference, stream, every, choose_streams(before).weights.min())
        assert shift is not None
        if family == "brightness":
            after = replace(after, brightness=after.brightness + 0.1 * shift)
        else:
            after = replace(after, embedding=after.embedding + shift * np.eye(8)[0])
        detector = DriftDetector(before, every, seed)
        for row in rows(after):
            detector.update(row)
        alarms.append(detector.alarm_at is not None)
    assert np.mean(alarms) >= 0.5
