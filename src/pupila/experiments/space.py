"""The space of a sweep: which settings vary, over which values or ranges, and where each of them applies."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.sweep.definition import Axis as AxisRecord
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import integer, listing, say, say_count

MOST_CELLS = 100_000  # combinations that a grid may have before equal ones are dropped
_DIGITS = 12  # of the values of a range with steps: 0.1 + 2 * 0.1 is 0.3


@dataclass(frozen=True, slots=True)
class Condition:
    """A setting applies only where another one has one of these values."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """A setting that takes each of these values, or in a search one of them."""

    name: str  # of a setting, or of a place inside a mapping, such as options.pad_type
    values: tuple[Any, ...]
    when: tuple[Condition, ...] = ()

    def describe(self) -> str:
        """In words: "lr: 0.001, 0.01"."""
        values = ", ".join(value_text(value) for value in self.values)
        return _describe_axis(self.name, values, self.when)


@dataclass(frozen=True, slots=True)
class Range:
    """A setting that takes values between two ends, both included."""

    name: str
    low: float  # an int where the setting is a whole number
    high: float
    step: float | None = None
    log: bool = False  # log-uniform
    when: tuple[Condition, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers."""
        return isinstance(self.low, int)

    @property
    def values(self) -> tuple[Any, ...]:
        """Those of a range with steps, or of whole numbers; empty where they can't be counted."""
        step = self.step or (1 if self.whole else None)
        if step is None:
            return ()
        count = math.floor((self.high - self.low) / step + 10**-_DIGITS) + 1
        values = (self.low + number * step for number in range(count))
        return tuple(value if self.whole else round(value, _DIGITS) for value in values)

    def describe(self) -> str:
        """In words: "lr: 0.0001 to 0.1, log-uniform"."""
        words = [say("{low} to {high}", low=value_text(self.low), high=value_text(self.high))]
        words += [say("log-uniform")] if self.log else []
        words += [say("in steps of {step}", step=value_text(self.step))] if self.step else []
        return _describe_axis(self.name, ", ".join(words), self.when)


Axis = Choices | Range


@dataclass(frozen=True, slots=True)
class Space:
    """The settings that vary, in the user's order, and those that all configurations share."""

    axes: tuple[Axis, ...]
    base: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """Of the settings that vary."""
        return [axis.name for axis in self.axes]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that each configuration is trained with, where the seed is an axis; else empty."""
        return next((axis.values for axis in self.axes if axis.name == "seed"), ())

    @property
    def size(self) -> int | None:
        """Different configurations; None where they are endlessly many, or too many to count."""
        countable = all(axis.values for axis in self.axes) and self.combinations <= MOST_CELLS
        return len(self._enumerate()) if countable else None

    @property
    def combinations(self) -> int:
        """Of all values of all settings, before equal configurations are dropped."""
        return math.prod(len(axis.values) for axis in self.axes)

    def grid(self) -> list[dict[str, Any]]:
        """Every configuration once: what varies, by name; the last setting varies fastest.

        A setting whose condition does not hold is absent, so that its values make no further configuration.

        Raises:
            PupilaError: a range without steps, or too many combinations.
        """
        ranges = [axis for axis in self.axes if isinstance(axis, Range) and axis.step is None]
        if ranges:
            raise PupilaError(
                say("A grid needs values, and not a range"), actual=listing([axis.name for axis in ranges]),
                expected=say("values, or a range with steps"),
                remedy=f"--grid {ranges[0].name}=A,B,C; --search tpe",
            )  # fmt: skip
        if self.combinations > MOST_CELLS:
            raise PupilaError(
                say("The grid is too large"), actual=say("{n} combinations", n=integer(self.combinations)),
                expected=say("at most {n}", n=integer(MOST_CELLS)), remedy="--search tpe --trials 40",
            )  # fmt: skip
        return self._enumerate()

    def _enumerate(self) -> list[dict[str, Any]]:
        different: dict[str, dict[str, Any]] = {}
        for values in itertools.product(*(axis.values for axis in self.axes)):
            configuration = self.restrict(dict(zip(self.names, values, strict=True)))
            different.setdefault(configuration_key(configuration), configuration)
        return list(different.values())

    def restrict(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the settings whose conditions hold, in the order of the axes.

        Args:
            values: of settings that vary; they may lack those that do not apply.
        """
        return {name: values[name] for name in self.names if name in values and self.applies(name, values)}

    def applies(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether the conditions of a setting hold, and those of the settings that these ask for."""
        return all(
            condition.name in values
            and values[condition.name] in condition.values
            and self.applies(condition.name, values)
            for condition in self.axis(name).when
        )

    def axis(self, name: str) -> Axis:
        """What a setting takes."""
        return next(axis for axis in self.axes if axis.name == name)

    def without(self, *names: str) -> "Space":
        """The space of the other settings."""
        return Space(tuple(axis for axis in self.axes if axis.name not in names), self.base)

    def in_order(self) -> Iterator[Axis]:
        """The axes, each after those that its conditions ask for."""
        given: set[str] = set()
        waiting = list(self.axes)
        while waiting:
            axis = next(axis for axis in waiting if all(c.name in given for c in axis.when))
            waiting.remove(axis)
            given.add(axis.name)
            yield axis

    def settings(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """All settings of one configuration, for the training: the shared ones, and what varies."""
        merged = dict(self.base)
        for name, value in configuration.items():
            outer, dot, inner = name.partition(".")
            merged[outer] = {**merged.get(outer, {}), inner: value} if dot else value
        return merged

    def describe(self) -> list[str]:
        """What varies, and how many configurations that gives, in sentences."""
        sentences = [axis.describe() for axis in self.axes]
        size, combinations = self.size, self.combinations
        if size is None:
            return sentences
        if size < combinations:
            sentences.append(say(
                "{n} combinations are {size} different configurations, each trained once: the others differ only in "
                "settings that do not apply.", n=integer(combinations), size=integer(size),
            ))  # fmt: skip
        else:
            sentences.append(say_count("{n} configuration.", "{n} configurations.", size))
        return sentences


def axis_record(axis: Axis) -> AxisRecord:
    """What a setting takes, as `sweep.json` stores it."""
    when = {condition.name: list(condition.values) for condition in axis.when}
    if isinstance(axis, Choices):
        return AxisRecord(name=axis.name, values=list(axis.values), condition=when)
    limits = {"low": axis.low, "high": axis.high, "log": axis.log}
    limits |= {"step": axis.step} if axis.step is not None else {}
    return AxisRecord(name=axis.name, range=limits, condition=when)


def read_axis(record: AxisRecord) -> Axis:
    """What `axis_record` wrote."""
    when = tuple(Condition(name, tuple(values)) for name, values in record.condition.items())
    if not record.range:
        return Choices(record.name, tuple(record.values), when)
    limits = record.range
    return Range(
        record.name, limits["low"], limits["high"], limits.get("step"), limits.get("log", False), when
    )


def configuration_key(configuration: Mapping[str, Any]) -> str:
    """The same text for equal configurations, whatever the order of their settings."""
    return dump_json(dict(sorted(configuration.items())))


def value_text(value: Any) -> str:
    """The value of a setting as users write it: null, true, 0.001, A1."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return dump_json(value) if isinstance(value, dict | list | tuple) else str(value)


def _describe_axis(name: str, values: str, when: tuple[Condition, ...]) -> str:
    if not when:
        return say("{name}: {values}", name=name, values=values)
    conditions = [
        say("{name} is {values}", name=c.name, values=say(" or ").join(map(value_text, c.values))) for c in when
    ]  # fmt: skip
    return say("{name}: {values}, where {conditions}", name=name, values=values,
               conditions=say(" and ").join(conditions))  # fmt: skip
