"""Progress: silent for short work, plain lines with time left for long work."""

import sys
import time
from types import SimpleNamespace

import pytest

from pupila.core import progress as room
from pupila.core.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock shows, in seconds; a test moves it on."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_long_work_shows_the_time_left(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 10) as advance:
        advance(1)  # nothing yet: no time has passed
        clock[0] += room.FIRST_LINE_AFTER + 2
        advance(1)  # 2 of 10 in 4 s: 16 s left
        advance(1)
        clock[0] += room.LINE_EVERY
        advance(4)  # 7 of 10 in 14 s: 6 s left
    assert capsys.readouterr().err.splitlines() == [
        "reading: 2 of 10, 16 s left",
        "reading: 7 of 10, 6 s left",
    ]


def test_the_last_second_is_never_zero_or_negative(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("reading", 1000) as advance:
        clock[0] += room.FIRST_LINE_AFTER + 2
        advance(999)  # 999 of 1000 in 4 s: 4 ms left
    assert capsys.readouterr().err == "reading: 999 of 1000, less than 1 s left\n"


def test_no_time_left_is_estimated_before_the_first_item_is_finished(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("epochs", 3) as advance:
        clock[0] += room.FIRST_LINE_AFTER + 2
        advance(0.1)
        for _ in range(8):
            advance(0.1)
        clock[0] += room.LINE_EVERY
        advance(0.01)  # still the first one: not printed again
        clock[0] += room.LINE_EVERY
        advance(0.09)
        clock[0] += room.LINE_EVERY
        advance(2)
    lines = ["epochs: 0 of 3", "epochs: 1 of 3, 48 s left", "epochs: 3 of 3"]
    assert capsys.readouterr().err.splitlines() == lines


def test_an_unknown_total_shows_no_time_left(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("products", None) as advance:
        clock[0] += room.FIRST_LINE_AFTER + 2
        advance(3)
    assert capsys.readouterr().err == "products: 3\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("products", None) as advance:
        advance(2)


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 2) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("reading", 2) as advance:
        advance(2)


class Publisher:
    """What shows HTML in a notebook, as IPython's display_pub does."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], str, bool]] = []

    def publish(self, data: dict[str, str], *, transient: dict[str, str], update: bool) -> None:
        self.calls.append((data, transient["display_id"], update))


def test_a_notebook_has_one_bar_that_ends_empty(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher = Publisher()
    monkeypatch.setattr(room, "find_display", lambda: publisher)
    with progress("<reading>", 4) as advance:
        advance(1)
        assert publisher.calls == []  # short work shows nothing
        clock[0] += room.FIRST_LINE_AFTER + 2
        advance(1)
        advance(1)  # too soon after the last state
        clock[0] += 1
        advance(1)
    shown = [data["text/plain"] for data, _, _ in publisher.calls]
    assert shown == ["<reading>: 2 of 4, 4 s left", "<reading>: 4 of 4", ""]
    assert len({place for _, place, _ in publisher.calls}) == 1
    assert [update for *_, update in publisher.calls] == [False, True, True]
    assert '<progress value="2" max="4"' in publisher.calls[0][0]["text/html"]
    assert "&lt;reading&gt;" in publisher.calls[0][0]["text/html"]
    assert capsys.readouterr().err == ""


def test_outside_of_a_kernel_there_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.find_display() is None
    terminal = SimpleNamespace(get_ipython=lambda: SimpleNamespace(display_pub=1))
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert room.find_display() is None  # IPython in a terminal
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(display_pub=1, kernel=2))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert room.find_display() == 1


def test_inner_progress_is_silent(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("trials", 2) as advance:
        with progress("epochs", 10) as advance_inner:
            clock[0] += room.FIRST_LINE_AFTER + 2
            advance_inner(5)
        advance(1)
    with progress("epochs", 4) as later:
        clock[0] += room.FIRST_LINE_AFTER + 2
        later(2)
    assert capsys.readouterr().err == "trials: 1 of 2, 4 s left\nepochs: 2 of 4, 4 s left\n"
