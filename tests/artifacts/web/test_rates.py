"""Moving windows: no period of the rate's length has more requests than it allows."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.artifacts.web import rates
from pupila.artifacts.web.rates import MovingWindow, Rate, parse_rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "rate"), [("60/min", Rate(60, 60)), ("5/s", Rate(5, 1)), (" 1000 / h ", Rate(1000, 3600))]
)
def test_a_rate_is_requests_for_a_unit_of_time(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


def test_the_window_moves() -> None:
    clock = Clock()
    window, rate = MovingWindow(clock), Rate(2, 10)
    waits = []
    for clock.now in (0, 4, 5, 9.5, 10, 10, 14):
        waits.append(window.admit("a", rate))
    assert waits == [0, 0, 5, 0.5, 0, 4, 0]


def test_clients_are_counted_each_by_itself() -> None:
    window = MovingWindow(Clock())
    assert [window.admit(client, Rate(1, 60)) for client in "aba"] == [0, 0, 60]


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5), st.integers(1, 7))
def test_no_period_has_more(gaps: list[float], most: int, seconds: int) -> None:
    clock = Clock()
    window, rate = MovingWindow(clock), Rate(most, seconds)
    admitted: list[float] = []
    for gap in gaps:
        clock.now += gap
        wait = window.admit("a", rate)
        recent = [moment for moment in admitted if moment > clock.now - seconds]
        assert (wait == 0) == (len(recent) < most)
        assert 0 <= wait <= seconds + 1e-9
        if not wait:
            admitted.append(clock.now)


def test_a_client_that_was_silent_for_the_longest_period_is_forgotten() -> None:
    clock = Clock()
    window = MovingWindow(clock)
    for clock.now, client in ((0, "hour"), (1, "a"), (2, "b"), (70, "c"), (3700, "d"), (3701, "e")):
        window.admit(client, Rate(5, 3600 if client == "hour" else 60))
    assert list(window._times) == ["d", "e"]


def test_many_clients_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_CLIENTS", 100)
    window, draw = MovingWindow(Clock()), random.Random(1)
    for number in range(1000):
        window.admit("steady", Rate(5, 60))
        window.admit(f"{number} {draw.random()}", Rate(5, 60))
    assert len(window._times) == 100
    assert window.admit("steady", Rate(5, 60)) == 60
