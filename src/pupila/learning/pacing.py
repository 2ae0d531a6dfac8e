"""How many epochs of a phase there is time for: what a pacer decides between epochs, and what follows for the loop."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Replan:
    """A change of the number of epochs of a phase, between two of them."""

    after: int  # completed epochs
    epochs: int  # of the phase from then on


class Pacer(Protocol):
    """Ends phases in time; what it decided once it repeats in a resumed run."""

    def begin(self, part: str, epochs: int, is_trained: bool) -> int:
        """The epochs of a phase for which there is time; 0: it is skipped, for the module was trained before."""

    def replan(self, part: str, epoch: int, epochs: int) -> tuple[Replan, ...]:
        """All changes so far, after `epoch` completed epochs of a phase that was planned with `epochs`."""

    def is_over(self, part: str, epoch: int, step: int, steps: int) -> bool:
        """Whether the epoch after `epoch` completed ones ends before its step `step` of `steps`."""

    def shorten(self, part: str, epoch: int, step: int, steps: int) -> None:
        """That epoch ends before its step `step` of `steps`, and the phase with it."""

    def give_up(self, part: str, epoch: int) -> None:
        """The epoch after `epoch` completed ones is given up, and the phase ends."""

    def finish(self, part: str) -> None:
        """The phase has ended."""


class OutOfTime(Exception):
    """An epoch is given up: the module has weights of an earlier one."""


def stop_in_time(
    pacer: Pacer | None, part: str, epoch: int, is_trained: bool, epoch_batches: tuple[int, Iterator[Item]]
) -> tuple[int, Iterator[Item]]:
    """Number of batches, and the batches until the time is over; without a pacer all of them.

    The first epoch of a new module is shortened then: it gives the only weights that there are.

    Raises:
        OutOfTime: while the batches are drawn, where there are weights of an earlier epoch (`is_trained`).
    """
    if pacer is None:
        return epoch_batches
    steps, stream = epoch_batches

    def draw() -> Iterator[Item]:
        for step in range(steps):
            if step and pacer.is_over(part, epoch, step, steps):
                if is_trained:
                    pacer.give_up(part, epoch)
                    raise OutOfTime
                pacer.shorten(part, epoch, step, steps)
                return
            yield from islice(stream, 1)

    return steps, draw()


def report_progress(
    batches: tuple[int, Iterable[Item]], advance: Callable[[float], None]
) -> tuple[int, Iterator[Item]]:
    """Number of batches of an epoch, and the batches; each advances the progress bar."""
    steps, stream = batches

    def draw() -> Iterator[Item]:
        for batch in stream:
            yield batch
            advance(1 / steps)

    return steps, draw()


def schedule_progress(time: float, warmup: float, epochs: int, replans: Sequence[Replan]) -> float:
    """The share of a learning rate schedule in [0, 1] that is over at a time, counted in epochs.

    Where the number of epochs was changed, the schedule continues from where it stood and ends with the phase, so that
    the rate never jumps.

    Args:
        time: 0 at the start of the phase.
        warmup: epochs before the schedule begins.
        epochs: as planned.
        replans: changes of them, in their order.
    """
    progress, start = 0.0, warmup
    for change in (*replans, Replan(math.ceil(time) + 1, 0)):
        if (end := min(time, float(change.after))) > start:
            progress += (1 - progress) * min(1.0, (end - start) / max(epochs - start, 1e-9))
            start = end
        epochs = change.epochs
    return progress
