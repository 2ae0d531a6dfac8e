"""Progress with time left: a bar on a terminal, a plain line now and then elsewhere, always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pupila.core.messages import say

FIRST_LINE_AFTER = 2.0  # seconds; shorter work stays silent
LINE_EVERY = 10.0  # seconds between plain lines


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    """Show how far the work is; the yielded function is told how many more items are done.

    Args:
        title: what is done.
        total: items; None where nobody knows, and then no time left is told.
    """
    if sys.stderr.isatty():
        yield from _bar(title, total)
    else:
        yield from _lines(title, total)


def _bar(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


def _lines(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    start = time.monotonic()
    state = {"done": 0.0, "next": start + FIRST_LINE_AFTER}

    def advance(n: float) -> None:
        state["done"] += n
        now = time.monotonic()
        if now < state["next"] or not state["done"]:
            return
        state["next"] = now + LINE_EVERY
        done = int(state["done"])
        if total is None:
            text = say("{title}: {done}", title=title, done=done)
        else:
            left = (now - start) / state["done"] * (total - state["done"])
            text = say(
                "{title}: {done} of {total}, {left:.0f} s left",
                title=title,
                done=done,
                total=total,
                left=left,
            )
        print(text, file=sys.stderr, flush=True)

    yield advance
