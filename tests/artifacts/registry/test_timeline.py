"""Which version was live when, by a table that was worked out by hand."""

import pytest

from pupila.artifacts.registry.records import Event
from pupila.artifacts.registry.timeline import live_within, parse_day
from pupila.core.errors import PupilaError


def moved(number: int, time: str, before: int | None, to: int, alias: str = "production") -> Event:
    return Event.model_validate({
        "number": number, "id": str(number), "time": f"{time}:00.000000+00:00", "who": "ana@lab", "action": "promote",
        "alias": alias, "from": before, "to": to, "bundle": str(to) * 64,
    })  # fmt: skip


EVENTS = [
    moved(1, "2026-10-30T09:00", None, 1),
    moved(2, "2026-11-01T14:30", 1, 2),
    moved(3, "2026-11-01T18:00", 2, 1),
    moved(4, "2026-11-03T00:00", 1, 3),
    moved(5, "2026-11-03T12:00", None, 2, "staging"),
]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-10-29", []),
        ("2026-10-30", [("production", 1)]),
        ("2026-10-31", [("production", 1)]),
        ("2026-11-01", [("production", 1), ("production", 2), ("production", 1)]),
        ("2026-11-02", [("production", 1)]),
        ("2026-11-03", [("production", 3), ("staging", 2)]),
        ("2027-01-01", [("production", 3), ("staging", 2)]),
        ("2026-11-01T14:29", [("production", 1)]),
        ("2026-11-01T14:30", [("production", 2)]),
        ("2026-11-01T15:30+01:00", [("production", 2)]),
        ("2026-10-30T08:59", []),
    ],
)
def test_the_live_versions_of_a_day_or_a_moment(day: str, expected: list[tuple[str, int]]) -> None:
    assert [(live.alias, live.version) for live in live_within(EVENTS, *parse_day(day))] == expected


def test_a_missing_event_is_marked() -> None:
    lives = live_within([EVENTS[0], *EVENTS[2:]], *parse_day("2026-11-01"))
    assert [(live.version, live.gap) for live in lives] == [(1, False), (1, True)]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11-31", "9999-12-31"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(PupilaError, match="Invalid date"):
        parse_day(text)
