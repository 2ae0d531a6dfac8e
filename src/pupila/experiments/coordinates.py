"""Parallel coordinates: one vertical axis for each setting that varies and for the score, one line a configuration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pupila.core.messages import number
from pupila.experiments.scores import ScoredSettings
from pupila.experiments.space import Axis, Range, configuration_key, value_text


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A vertical axis."""

    name: str  # of the setting; empty: the score
    ticks: tuple[tuple[float, str], ...]  # (place from 0, at the bottom, to 1; what stands there)
    is_logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A configuration across all axes."""

    places: tuple[float | None, ...]  # on each axis, 0 to 1; None where the setting does not apply
    scored: ScoredSettings


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The drawing as data: the score is the last axis, and the best line the last one, on top of all."""

    axes: tuple[Coordinate, ...]
    lines: tuple[Line, ...]


def lay_out(axes: Sequence[Axis], rows: Sequence[ScoredSettings]) -> Coordinates:
    """Place every configuration on every axis.

    Args:
        axes: what varies; numbers among values to choose from are in ascending order, other values in the user's.
        rows: at least one.
    """
    scores = [row.score for row in rows]
    low, high = min(scores), max(scores)
    ticks = ((0.0, number(low)), (1.0, number(high))) if high > low else ((0.5, number(low)),)
    scales = [_make_scale(axis) for axis in axes]
    lines = [
        Line(
            (
                *(scale.place(row.settings) for scale in scales),
                (row.score - low) / (high - low) if high > low else 0.5,
            ),
            row,
        )
        for row in sorted(rows, key=lambda row: row.score)
    ]
    return Coordinates((*(scale.coordinate for scale in scales), Coordinate("", ticks)), tuple(lines))


@dataclass(frozen=True, slots=True)
class _Scale:
    """An axis with what places values on it."""

    coordinate: Coordinate
    axis: Axis
    order: tuple[str, ...] = ()  # of the values of choices

    def place(self, settings: Any) -> float | None:
        """Where the setting of a configuration stands; None where it does not apply."""
        if self.axis.name not in settings:
            return None
        value = settings[self.axis.name]
        if isinstance(self.axis, Range):
            return _between(self.axis, value)
        return _spread(self.order.index(_key(value)), len(self.order))


def _make_scale(axis: Axis) -> _Scale:
    if isinstance(axis, Range):
        ticks = tuple((_between(axis, value), value_text(value)) for value in _round_values(axis))
        return _Scale(Coordinate(axis.name, ticks, axis.log), axis)
    values = list(axis.values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        values.sort()
    ticks = tuple((_spread(place, len(values)), value_text(value)) for place, value in enumerate(values))
    return _Scale(Coordinate(axis.name, ticks), axis, tuple(map(_key, values)))


def _key(value: Any) -> str:
    return configuration_key({"": value})


def _spread(place: int, count: int) -> float:
    """Evenly spaced; a single value stands in the middle."""
    return place / (count - 1) if count > 1 else 0.5


def _between(axis: Range, value: float) -> float:
    if axis.log:
        return math.log(value / axis.low) / math.log(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def _round_values(axis: Range) -> list[float]:
    """The ends of a range, and the powers of ten within a logarithmic one."""
    if not axis.log:
        return [axis.low, axis.high]
    powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    within = [10.0**power for power in powers if axis.low < 10.0**power < axis.high]
    ends = [
        value for value in (axis.low, axis.high) if not any(math.isclose(value, power) for power in within)
    ]
    return sorted([*within, *ends])
