"""How the schedule follows a changed number of epochs, and how an epoch ends before its last batch."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.learning.loop import State, scheduled_lr
from pupila.learning.pacing import OutOfTime, Replan, schedule_progress, stop_in_time
from tests.learning.test_loop import PHASE


class Stopping:
    """A pacer that ends an epoch before its third batch."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def begin(self, part: str, epochs: int, is_trained: bool) -> int:
        return epochs

    def replan(self, part: str, epoch: int, epochs: int) -> tuple[Replan, ...]:
        return ()

    def is_over(self, part: str, epoch: int, step: int, steps: int) -> bool:
        return step == 2

    def shorten(self, part: str, epoch: int, step: int, steps: int) -> None:
        self.calls.append(("shorten", step))

    def give_up(self, part: str, epoch: int) -> None:
        self.calls.append(("give up", epoch))

    def finish(self, part: str) -> None:
        pass


def test_the_first_epoch_of_a_new_module_is_shortened_and_a_later_one_is_given_up() -> None:
    pacer = Stopping()
    steps, batches = stop_in_time(pacer, "head", 0, False, (5, iter("abcde")))
    assert (steps, list(batches), pacer.calls) == (5, ["a", "b"], [("shorten", 2)])
    _, batches = stop_in_time(pacer, "head", 3, True, (5, iter("abcde")))
    with pytest.raises(OutOfTime):
        list(batches)
    assert pacer.calls[1:] == [("give up", 3)]


def test_progress_by_hand() -> None:
    # one epoch of warm-up, then five: 2 of them are over at 3.0
    assert schedule_progress(3.0, 1.0, 6, ()) == pytest.approx(2 / 5)
    # shortened after 3 to 4 epochs: the other 3 / 5 pass in the fourth one
    shorter = (Replan(3, 4),)
    assert schedule_progress(3.0, 1.0, 6, shorter) == pytest.approx(2 / 5)
    assert schedule_progress(3.5, 1.0, 6, shorter) == pytest.approx(2 / 5 + 3 / 5 / 2)
    assert schedule_progress(4.0, 1.0, 6, shorter) == 1.0
    # and prolonged after 3 to 9 epochs: a sixth of them in each
    assert schedule_progress(4.0, 1.0, 6, (Replan(3, 9),)) == pytest.approx(2 / 5 + 3 / 5 / 6)
    assert schedule_progress(0.5, 1.0, 6, shorter) == 0.0  # while it warms up


def changes() -> Iterator[tuple[Replan, ...]]:
    yield ()
    yield (Replan(0, 3),)
    yield (Replan(0, 8), Replan(2, 5), Replan(3, 9))


@given(st.sampled_from(list(changes())), st.floats(0, 2))
def test_the_rate_never_rises_after_the_warmup_never_jumps_and_ends_at_zero(
    replans: tuple[Replan, ...], warmup: float
) -> None:
    last = replans[-1].epochs if replans else PHASE.epochs
    phase = replace(PHASE, schedule="cosine", warmup_epochs=warmup, replans=replans)
    times = [number / 100 for number in range(int(warmup * 100) + 1, 100 * last + 1)]
    rates = [scheduled_lr(phase, State(), time) for time in times]
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    for before, after in pairwise(rates):
        assert -1e-12 <= before - after < 0.05 * phase.lr


def test_a_phase_that_is_not_changed_has_the_schedule_of_always() -> None:
    phase = replace(PHASE, schedule="cosine", warmup_epochs=1.0)
    same = replace(phase, replans=(Replan(0, PHASE.epochs),))
    times = [number / 7 for number in range(43)]
    assert [scheduled_lr(phase, State(), t) for t in times] == [scheduled_lr(same, State(), t) for t in times]
