"""Progress with time left: a bar on a terminal, a plain line now and then elsewhere, always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pupila.core.messages import number, say

FIRST_LINE_AFTER = 2.0  # seconds; shorter work stays silent
LINE_EVERY = 10.0  # seconds between plain lines
_ROUNDING = 1e-6  # of an item: ten tenths of an item are one, in spite of rounding


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    """Show progress; the yielded function takes the number of further items that are finished.

    Args:
        title: of the work.
        total: items; None where it is unknown: then no remaining time is shown.
    """
    if sys.stderr.isatty():
        yield from _bar(title, total)
    else:
        yield from _lines(title, total)


def _bar(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class TimeLeft(TimeRemainingColumn):
        """The time left, once the first item is finished: it may take longer than the others."""

        def render(self, task: Task) -> Text:
            return super().render(task) if task.completed + _ROUNDING >= 1 else Text()

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


def _lines(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    start = time.monotonic()
    state = {"processed": 0.0, "next": start + FIRST_LINE_AFTER}

    def advance(n: float) -> None:
        state["processed"] += n
        now = time.monotonic()
        if now < state["next"] or not state["processed"]:
            return
        state["next"] = now + LINE_EVERY
        processed = int(state["processed"] + _ROUNDING)
        if total is None:
            text = say("{title}: {processed}", title=title, processed=processed)
        elif not processed:  # the first item may take longer than the others
            text = say("{title}: {processed} of {total}", title=title, processed=processed, total=total)
        else:
            left = (now - start) / state["processed"] * (total - state["processed"])
            text = say(
                "{title}: {processed} of {total}, {left} s left",
                title=title, processed=processed, total=total, left=number(left, 0),
            )  # fmt: skip
        print(text, file=sys.stderr, flush=True)

    yield advance
