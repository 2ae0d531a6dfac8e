"""Progress with time left: a bar on a terminal and in a notebook, a plain line now and then elsewhere, on stderr."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any

from pupila.core.messages import escape_controls, number, say
from pupila.core.terminal import escaped_output, raw_stream

FIRST_LINE_AFTER = 2.0  # seconds; shorter work stays silent
LINE_EVERY = 10.0  # seconds between plain lines
UPDATE_EVERY = 0.2  # seconds between two states of a notebook's bar
_IS_SHOWN: ContextVar[bool] = ContextVar("_IS_SHOWN", default=False)  # whether an outer progress is shown
_ROUNDING = 1e-6  # of an item: ten tenths of an item are one, in spite of rounding


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    """Show progress; the yielded function takes the number of further items that are finished.

    Inside of another progress nothing is shown: the outer one tells when all is over.

    Args:
        title: of the work.
        total: items; None where it is unknown: then no remaining time is shown.
    """
    if _IS_SHOWN.get():
        yield lambda n: None
        return
    _IS_SHOWN.set(True)
    try:
        yield from _show(title, total)
    finally:
        _IS_SHOWN.set(False)


def _show(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    if (display := find_display()) is not None:
        yield from _notebook(display, title, total)
    elif sys.stderr.isatty():
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

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeLeft())
    console = Console(file=raw_stream(sys.stderr))
    # What is printed meanwhile goes through rich, which would pass controls on.
    with Progress(*columns, console=console, transient=True) as bar, escaped_output():
        task = bar.add_task(escape_controls(title), total=total)
        yield lambda n: bar.advance(task, n)


def find_display() -> Any:
    """What shows HTML in the notebook that this process is the kernel of; None outside of one.

    IPython is asked only where it is loaded already: Pupila does not need it.
    """
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell.display_pub if hasattr(shell, "kernel") else None


def _notebook(display: Any, title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    """A bar in one output that is updated in place, and empty at the end; short work shows nothing."""
    start, transient = time.monotonic(), {"display_id": uuid.uuid4().hex}
    state = {"processed": 0.0, "next": start + FIRST_LINE_AFTER, "shown": 0.0}

    def show(text: str, html: str) -> None:
        display.publish(
            {"text/plain": text, "text/html": html}, transient=transient, update=bool(state["shown"])
        )
        state["shown"] = 1.0

    def advance(n: float) -> None:
        state["processed"] += n
        now = time.monotonic()
        if now >= state["next"] and state["processed"]:
            state["next"] = now + UPDATE_EVERY
            text = _describe(title, total, state["processed"], now - start)
            value = "" if total is None else f' value="{state["processed"]:g}" max="{total}"'
            show(text, f'<progress{value} style="width:240px"></progress> {escape(text)}')

    try:
        yield advance
    finally:
        if state["shown"]:
            show("", "")


def _lines(title: str, total: int | None) -> Iterator[Callable[[float], None]]:
    start = time.monotonic()
    state = {"processed": 0.0, "next": start + FIRST_LINE_AFTER}
    printed = ""

    def advance(n: float) -> None:
        nonlocal printed
        state["processed"] += n
        now = time.monotonic()
        if now < state["next"] or not state["processed"]:
            return
        state["next"] = now + LINE_EVERY
        text = _describe(title, total, state["processed"], now - start)
        if text != printed:  # within one long item nothing changes
            print(text, file=sys.stderr, flush=True)
        printed = text

    yield advance


def _describe(title: str, total: int | None, processed: float, seconds: float) -> str:
    """The state of the work in words, after so many seconds."""
    count = int(processed + _ROUNDING)
    if total is None:
        return say("{title}: {processed}", title=title, processed=count)
    if not count or count >= total:  # the first item may take longer than the others
        return say("{title}: {processed} of {total}", title=title, processed=count, total=total)
    left = seconds / processed * (total - processed)
    values = {"title": title, "processed": count, "total": total, "left": number(left, 0)}
    if left < 1:
        return say("{title}: {processed} of {total}, less than 1 s left", **values)
    return say("{title}: {processed} of {total}, {left} s left", **values)
