"""Which version an alias named when, from the events of the history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pupila.artifacts.registry.records import PROMOTE, ROLLBACK, Alias, Event, Placement
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_DAY = len("2026-11-01")


@dataclass(frozen=True, slots=True)
class Live:
    """A version that an alias named, within the time in question."""

    alias: str
    version: int
    bundle: str
    since: str  # of the event that put it there, ISO 8601, UTC
    until: str | None  # None: it is live now
    gap: bool = False  # whether an event before it is missing, so that it may have been live for longer


def live_within(events: Sequence[Event], start: str, end: str) -> list[Live]:
    """What each alias named from `start` to `end`, in the order of the aliases and of time.

    Args:
        events: of a model, in order.
        start: ISO 8601 in UTC, as `parse_day` gives it.
        end: after it; the same for a moment.
    """
    lives = [live for alias in sorted({event.alias for event in events} - {""})
             for live in _follow(events, alias)]  # fmt: skip
    return [live for live in lives
            if (live.since < end or live.since == start) and (live.until is None or live.until > start)]  # fmt: skip


def _follow(events: Iterable[Event], alias: str) -> list[Live]:
    """All that an alias ever named, oldest first."""
    moves = [event for event in events if event.alias == alias]
    ends = [event.time for event in moves[1:]]
    return [
        Live(alias, move.to_version, move.bundle, move.time, until,
             gap=move.from_version != (before.to_version if before else None))
        for move, before, until in zip(moves, [None, *moves], [*ends, None], strict=False)
    ]  # fmt: skip


def parse_day(text: str) -> tuple[str, str]:
    """Start and end of a day such as 2026-11-01, in UTC; or twice the same moment, of a date with a time.

    Raises:
        PupilaError: neither.
    """
    try:
        if len(text) == _DAY:
            start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return _text(start), _text(start + timedelta(days=1))
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return _text(moment), _text(moment)
    except (ValueError, OverflowError) as fault:
        raise PupilaError(
            say("Invalid date"), actual=f"'{text}'", expected=say("a date such as {example}, with a time if need be",
                                                                  example="2026-11-01"),
            remedy="--on 2026-11-01, --on 2026-11-01T14:30",
        ) from fault  # fmt: skip


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def replay(events: Iterable[Event]) -> dict[str, list[int]]:
    """Alias -> the versions that a rollback passes through, the live one last, as the events alone have it."""
    stacks: dict[str, list[int]] = {}
    for event in events:
        stack = stacks.setdefault(event.alias, []) if event.alias else []
        if event.action == PROMOTE and (not stack or stack[-1] != event.to_version):
            stack.append(event.to_version)
        elif event.action == ROLLBACK and stack:
            stack.pop()
    return stacks


def list_versions(alias: Alias) -> list[int]:
    """The same, as `model.json` has it."""
    return [placement.version for placement in (*alias.earlier, alias.live)]


def promote_alias(alias: Alias | None, placement: Placement) -> Alias:
    """The alias after a promotion; the same version with another report replaces itself."""
    if alias is None:
        return Alias(live=placement)
    if alias.live.version == placement.version:
        return Alias(live=placement, earlier=alias.earlier)
    return Alias(live=placement, earlier=[*alias.earlier, alias.live])


def roll_back_alias(alias: Alias, event: Event) -> Alias:
    """The alias after a rollback, which has an earlier version: with the report that it was promoted with."""
    before = alias.earlier[-1]
    live = before.model_copy(update={"event": event.number, "since": event.time})
    return Alias(live=live, earlier=alias.earlier[:-1])
