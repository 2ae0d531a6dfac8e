"""What varies as a sweep's settings say it: `parameters` of a file of --config, and the flags beside it.

parameters:
  optimizer: [adam, sgd]
  batch_size: {values: [8, 16, 32]}
  lr: {min: 0.0001, max: 0.1, log: true, when: {optimizer: sgd}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.core.messages import say
from pupila.core.settings import invalid, unknown_setting
from pupila.experiments.parse_space import FOLDS, parse_space
from pupila.experiments.settings import SweepSettings
from pupila.experiments.space import Space

_KEYS = ("values", "value", "min", "max", "log", "step", "when")
_LIMITS = ("min", "max", "log", "step")
# What files of other tools say of a parameter -> what is written here instead.
_ELSEWHERE: Mapping[str, str] = {
    "distribution": "min, max, log: true",
    "q": "step",
    "low": "min",
    "high": "max",
    "choices": "values",
}


def parse_varied(settings: SweepSettings, base: Mapping[str, Any]) -> Space:
    """The space of a sweep.

    Args:
        settings: of the sweep.
        base: settings that all configurations share.

    Raises:
        PupilaError: what `parse_space` refuses; a parameter that says neither values nor ends; a setting given twice.
    """
    parser = _Parameters()
    for name, content in settings.parameters.items():
        parser.add(str(name).replace("-", "_"), content)
    for ours, given in (
        (parser.grid, settings.grid),
        (parser.ranges, settings.range),
        (parser.when, settings.when),
    ):
        parser.faults += [say("{name} is given twice", name=name) for name in given if name in ours]
    parser.faults += [
        say("{name} is given as one value and as several", name=name) for name in parser.base if name in base
    ]
    if FOLDS in parser.base:
        parser.faults.append(say("folds is set by --folds {n}", n=parser.base[FOLDS]))
    if parser.faults:
        raise invalid("sweep", parser.faults)
    return parse_space(
        {**parser.grid, **settings.grid},
        {**parser.ranges, **settings.range},
        {**parser.when, **settings.when},
        {**base, **parser.base},
    )


@dataclass
class _Parameters:
    """Sorts the parameters of a file into values, ranges and constants."""

    faults: list[str] = field(default_factory=list)
    grid: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Any] = field(default_factory=dict)
    when: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, content: Any) -> None:
        """Add a parameter: a list of values, one value, or a mapping with values or ends."""
        if isinstance(content, list):
            self.grid[name] = content
        elif not isinstance(content, dict):
            self.base[name] = content
        elif unknown := [key for key in content if key not in _KEYS]:
            self.faults += [_describe_key(name, str(key)) for key in unknown]
        else:
            self._add_mapping(name, content)

    def _add_mapping(self, name: str, content: Mapping[str, Any]) -> None:
        limits = {key: value for key, value in content.items() if key in _LIMITS}
        kinds = [kind for kind in ("values", "value") if kind in content] + (["min, max"] if limits else [])
        if len(kinds) != 1:
            self.faults.append(say("{name} (expected values, value, or min and max)", name=name))
            return
        if "value" in content:
            self.base[name] = content["value"]
        elif limits:
            self.ranges[name] = limits
        else:
            self.grid[name] = content["values"]
        condition = content.get("when")
        if condition is None:
            return
        if isinstance(condition, dict) and condition:
            self.when[name] = condition
        else:
            self.faults.append(say("{name}.when (expected NAME: VALUE)", name=name))


def _describe_key(name: str, key: str) -> str:
    """What a key of a parameter means here, or which one is meant."""
    if key in _ELSEWHERE:
        return say("{theirs} is written {ours} here", theirs=f"{name}.{key}", ours=_ELSEWHERE[key])
    return say("{name}: {fault}", name=name, fault=unknown_setting(key, list(_KEYS)))
