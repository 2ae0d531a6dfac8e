"""Parse what a user lets vary in a sweep: every name, value, range and condition is checked, all faults at once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pupila.artifacts.dataset.split_settings import SplitSettings
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import closest, invalid, number_type, unknown_setting
from pupila.core.synonyms import find_synonym
from pupila.experiments.space import Axis, Choices, Condition, Range, Space, value_text
from pupila.stages.train.config import TrainConfig

FOLDS = "folds"
KNOWN = [*TrainConfig.model_fields, FOLDS]  # what may vary
_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+)(?P<options>(?::[^:]+)*)")
RANGE_FORM = "LOW..HIGH[:log][:step=N]"
_RANGE_KEYS = ("min", "max", "log", "step")
# Settings that no sweep varies -> why. Marked where they are shown.
_CONSTANT: dict[str, Callable[[], str]] = {
    "workers": lambda: say("results do not depend on it"),
    "budget": lambda: say("it is measured on this machine, so that equal settings would give other plans"),
}


def parse_space(
    grid: Mapping[str, Sequence[Any]] | None = None,
    ranges: Mapping[str, str | Mapping[str, Any]] | None = None,
    when: Mapping[str, Mapping[str, Any]] | None = None,
    base: Mapping[str, Any] | None = None,
) -> Space:
    """The space of a sweep.

    Args:
        grid: setting -> values; text is read as a setting of train is.
        ranges: setting -> "1e-4..0.1:log", "8..64:step=8", or {"min": 1e-4, "max": 0.1, "log": True}.
        when: setting -> the other settings it needs, each with one value or several: {"lr": {"optimizer": "sgd"}}.
        base: settings that all configurations share.

    Raises:
        PupilaError: an unknown setting, a value out of its range, a setting given twice, a condition that never holds;
            all faults at once.
    """
    parser = _Parser()
    axes: dict[str, Axis] = {}
    for name, values in (grid or {}).items():
        parser.add(axes, name, partial(parser.choices, name, values))
    for name, given in (ranges or {}).items():
        parser.add(axes, name, partial(parser.range, name, given))
    for name in sorted(set(base or {}) & set(axes)):
        parser.faults.append(say("{name} is given as one value and as several", name=name))
    axes = {
        name: parser.with_conditions(axis, axes, (when or {}).get(name, {})) for name, axis in axes.items()
    }
    for name in set(when or {}) - set(axes) - parser.refused:
        parser.faults.append(say("the condition of {name} has no effect: {name} does not vary", name=name))
    parser.check_cycles(axes)
    shared = parser.base(base or {})
    if parser.faults:
        raise invalid("sweep", parser.faults, "pupila settings train")
    return Space(tuple(axes.values()), shared)


@dataclass
class _Parser:
    """Collects the faults of all settings."""

    faults: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # settings with a fault

    def add(self, axes: dict[str, Axis], name: str, parse: Callable[[], Axis | None]) -> None:
        """Add what a setting takes, or note what is wrong with it."""
        name = str(name).replace("-", "_")
        outer = name.partition(".")[0]
        if outer not in KNOWN or (outer != name and outer != "options"):
            self.faults.append(_unknown(name))
        elif name in axes:
            self.faults.append(say("{name} is given twice", name=name))
        elif name in _CONSTANT:
            self.faults.append(say("{name} does not vary: {reason}", name=name, reason=_CONSTANT[name]()))
        elif (axis := parse()) is not None:
            axes[name] = axis
            return
        self.refused.add(name)

    def choices(self, name: str, values: Sequence[Any]) -> Axis | None:
        """The values of a setting, each checked."""
        name = name.replace("-", "_")
        if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
            self.faults.append(say("{name}={values} (expected a list of values)", name=name, values=values))
            return None
        if not values:
            self.faults.append(say("{name} has no values", name=name))
            return None
        for value in values:
            if isinstance(value, str) and _RANGE.fullmatch(value) and _number(name) is not None:
                self.faults.append(
                    say("{name}={value} is a range: write --range {name}={value}", name=name, value=value)
                )
                return None
        parsed = [self.value(name, value) for value in values]
        if any(fault for _, fault in parsed):
            self.faults += [fault for _, fault in parsed if fault]
            return None
        read = [value for value, _ in parsed]
        if twice := [value for place, value in enumerate(read) if value in read[:place]]:
            self.faults.append(say("{name}={value} is given twice", name=name, value=value_text(twice[0])))
            return None
        return Choices(name, tuple(read))

    def range(self, name: str, given: str | Mapping[str, Any]) -> Axis | None:
        """The range of a setting, its ends checked."""
        name = name.replace("-", "_")
        number = _number(name)
        parts = _range_parts(given) if isinstance(given, str) else dict(given)
        if number is None:
            self.faults.append(say("{name} is no number: write --grid {name}=A,B", name=name))
            return None
        if parts is None or not {"min", "max"} <= set(parts) <= set(_RANGE_KEYS):
            self.faults.append(
                say("{name}={given} (expected {form})", name=name, given=given, form=RANGE_FORM)
            )
            return None
        ends = [self.value(name, parts[end]) for end in ("min", "max")]
        faults = [fault for _, fault in ends if fault]
        low, high = ends[0][0], ends[1][0]
        if not faults and not (isinstance(low, int | float) and isinstance(high, int | float)):
            faults = [say("{name}={given} (expected {form})", name=name, given=given, form=RANGE_FORM)]
        step, log = _step(parts.get("step"), number), parts.get("log", False)
        if not faults:
            faults = _range_faults(name, (low, high), parts, step)
        if faults:
            self.faults += faults
            return None
        return Range(name, low, high, step, bool(log))

    def value(self, name: str, value: Any) -> tuple[Any, str]:
        """A value as train reads it, or what is wrong with it."""
        outer, dot, inner = name.partition(".")
        given = {outer: {inner: value} if dot else value}
        shown = f"{name}={value_text(value)}"
        model = SplitSettings if outer == FOLDS else TrainConfig
        if faults := model.faults(given, {outer: shown}):
            return None, faults[0]
        read = getattr(model.parse(given, "train"), outer)
        if fault := _check_word(name, read):
            return None, f"{shown}: {fault}"
        return (read[inner] if dot else read), ""

    def with_conditions(self, axis: Axis, axes: Mapping[str, Axis], given: Mapping[str, Any]) -> Axis:
        """The axis with the conditions under which it applies."""
        conditions = []
        for name, some in given.items():
            values = list(some) if isinstance(some, list | tuple) else [some]
            other = axes.get(name.replace("-", "_"))
            if other is None:
                if name not in self.refused:
                    self.faults.append(self._missing(axis.name, name, list(axes)))
                continue
            if isinstance(other, Range):
                self.faults.append(say("the condition of {name} needs values of {other}, which has a range",
                                       name=axis.name, other=name))  # fmt: skip
                continue
            read = [self.value(other.name, value)[0] for value in values]
            for value, parsed in zip(values, read, strict=True):
                if parsed not in other.values:
                    self.faults.append(_never(axis.name, other, value))
            conditions.append(Condition(other.name, tuple(read)))
        return _replace_when(axis, tuple(conditions))

    def _missing(self, name: str, other: str, known: list[str]) -> str:
        close = closest(other, [axis for axis in known if axis != name])
        if close:
            return say("the condition of {name} needs {other}, which does not vary (did you mean {close}?)",
                       name=name, other=other, close=close)  # fmt: skip
        return say("the condition of {name} needs {other}, which does not vary", name=name, other=other)

    def check_cycles(self, axes: Mapping[str, Axis]) -> None:
        """Refuse settings whose conditions ask for each other."""
        free: set[str] = set()
        while some := {name for name, axis in axes.items() if all(c.name in free for c in axis.when)} - free:
            free |= some
        if rest := [name for name in axes if name not in free]:
            self.faults.append(say("the conditions of {names} need each other", names=listing(rest)))

    def base(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that all configurations share, as they were given."""
        settings = {name: value for name, value in given.items() if name != FOLDS}
        self.faults += TrainConfig.faults(settings, {})
        if FOLDS in given:
            self.faults += SplitSettings.faults({FOLDS: given[FOLDS]}, {})
        return dict(given)


def _unknown(name: str) -> str:
    """Which setting is meant, perhaps by the name that another tool has for it."""
    if ours := find_synonym(name, KNOWN):
        return say("{theirs} is called {ours} here", theirs=name, ours=ours)
    return unknown_setting(name, KNOWN)


def _number(name: str) -> type | None:
    """int or float, for a setting that is a number; None for all others."""
    annotated = TrainConfig.model_fields.get(name) or SplitSettings.model_fields.get(name)
    return number_type(annotated.annotation) if annotated is not None else None


def _range_parts(text: str) -> dict[str, Any] | None:
    """The parts of `LOW..HIGH[:log][:step=N]`; None where it is written otherwise."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    parts: dict[str, Any] = {"min": match["low"], "max": match["high"]}
    for option in filter(None, match["options"].split(":")):
        name, equals, value = option.partition("=")
        if name in parts or name not in _RANGE_KEYS or bool(equals) != (name == "step"):
            return None
        parts[name] = value if equals else True
    return parts


def _step(given: Any, number: type) -> Any:
    """The step as a number; NaN where it is none; None without one."""
    if given is None:
        return None
    try:
        return number(given)
    except (TypeError, ValueError):
        return float("nan")


def _range_faults(name: str, ends: tuple[float, float], parts: Mapping[str, Any], step: Any) -> list[str]:
    """What is wrong with a range whose ends are good values of the setting."""
    low, high = ends
    faults = []
    if not low < high:
        faults.append(
            say("{name}: {low} is not below {high}", name=name, low=value_text(low), high=value_text(high))
        )
    if not isinstance(parts.get("log", False), bool):
        faults.append(say("{name}: log is true or false", name=name))
    if parts.get("log") and low <= 0:
        faults.append(say("{name}: a logarithmic range begins above 0", name=name))
    if parts.get("log") and step is not None:
        faults.append(say("{name}: a logarithmic range has no steps", name=name))
    if step is not None and not 0 < step <= high - low:
        faults.append(say("{name}: step={step} (expected above 0 and at most {most})", name=name,
                          step=parts["step"], most=value_text(high - low)))  # fmt: skip
    return faults


def _never(name: str, other: Choices, value: Any) -> str:
    """A condition that never holds."""
    values = [value_text(some) for some in other.values]
    close = closest(value_text(value), values)
    hint = say(" (did you mean {close}?)", close=close) if close else ""
    return say("the condition of {name} never holds: {other} takes {values}, and not {value}{hint}",
               name=name, other=other.name, values=listing(values), value=value_text(value), hint=hint)  # fmt: skip


def _replace_when(axis: Axis, when: tuple[Condition, ...]) -> Axis:
    if isinstance(axis, Choices):
        return Choices(axis.name, axis.values, when)
    return Range(axis.name, axis.low, axis.high, axis.step, axis.log, when)


def _check_word(name: str, value: Any) -> str:
    """What is wrong with a name that the settings take as text, and a catalogue knows; empty: nothing."""
    if name != "augment":
        return ""
    from pupila.stages.train.plan import check_preset

    try:
        check_preset(value)
    except PupilaError as fault:
        return fault.problem
    return ""
