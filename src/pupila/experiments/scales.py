"""Where the values of a setting lie on an axis of a picture: numbers on a scale, others side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.sweep.definition import Axis
from pupila.experiments.space import value_text

_FEW = 8  # numbers, up to which they stand side by side


@dataclass(frozen=True, slots=True)
class NumberScale:
    """Numbers between two ends, linear or logarithmic."""

    low: float
    high: float
    is_log: bool

    def place(self, value: Any) -> float:
        """0..1 for a number between the ends."""
        return (self._position(value) - self._position(self.low)) / (
            self._position(self.high) - self._position(self.low)
        )

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Place and text of both ends, and of the middle."""
        middle = math.sqrt(self.low * self.high) if self.is_log else (self.low + self.high) / 2
        return [(0.0, f"{self.low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{self.high:.3g}")]

    def _position(self, value: float) -> float:
        return math.log(value) if self.is_log else float(value)


@dataclass(frozen=True, slots=True)
class NamedScale:
    """Values side by side, by their texts."""

    names: list[str]

    def place(self, value: Any) -> float:
        """0..1 for one of the values."""
        return self.names.index(value_text(value)) / max(len(self.names) - 1, 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Place and text of every value."""
        return [(place / max(len(self.names) - 1, 1), name) for place, name in enumerate(self.names)]


def make_scale(axis: Axis, values: Sequence[Any]) -> NumberScale | NamedScale:
    """The scale of a setting.

    Args:
        axis: of the sweep.
        values: that it took, one or more.
    """
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if are_numbers and len(set(values)) > _FEW:
        low, high = min(values), max(values)
        return NumberScale(low, high, bool(axis.range.get("log")) and low > 0)
    given = [value for value in axis.values if value in values]
    given += [value for value in (sorted(values) if are_numbers else values) if value not in given]
    return NamedScale(list(dict.fromkeys(map(value_text, given))))
