"""Read the file of a sweep's --config: what varies, the options of the sweep, and the settings that all cells share.

search: tpe
trials: 40
parameters:
  optimizer: [adam, sgd]
  batch_size: {values: [8, 16, 32]}
  lr: {min: 0.0001, max: 0.1, log: true, when: {optimizer: sgd}}
epochs: 10
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.core.messages import say
from pupila.core.settings import invalid, load_unique, read_config, unknown_setting
from pupila.experiments.parse_space import KNOWN, parse_space
from pupila.experiments.space import Space

PARAMETERS = "parameters"
_KEYS = ("values", "value", "min", "max", "log", "step", "when")
# What files of other tools say -> what is written here instead.
_ELSEWHERE: Mapping[str, str] = {
    "method": "search: tpe",
    "early_terminate": "halving: 3",
    "count": "trials: 40",
    "run_cap": "trials: 40",
    "n_trials": "trials: 40",
    "sampler": "search: tpe",
    "params": PARAMETERS,
    "search_space": PARAMETERS,
}
_ELSEWHERE_WITHIN: Mapping[str, str] = {
    "distribution": "min, max, log: true",
    "q": "step",
    "low": "min",
    "high": "max",
    "choices": "values",
}


@dataclass(frozen=True, slots=True)
class SweepConfig:
    """What a file, or the arguments of a call, say of a sweep."""

    grid: Mapping[str, Any] = field(default_factory=dict)  # setting -> values
    ranges: Mapping[str, Any] = field(default_factory=dict)
    when: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=dict)  # settings that all cells share
    options: Mapping[str, Any] = field(default_factory=dict)  # of the sweep, such as trials

    def override(self, other: "SweepConfig") -> "SweepConfig":
        """This one with all that the other one says: a setting that it gives replaces what varies, and vice versa."""
        given = {*other.grid, *other.ranges, *other.base}

        def left(mapping: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in mapping.items() if name not in given}

        when = {name: value for name, value in self.when.items() if name not in given}
        return SweepConfig(
            {**left(self.grid), **other.grid},
            {**left(self.ranges), **other.ranges},
            {**when, **other.when},
            {**left(self.base), **other.base},
            {**self.options, **other.options},
        )

    def space(self) -> Space:
        """What varies, checked.

        Raises:
            PupilaError: see `parse_space`.
        """
        return parse_space(self.grid, self.ranges, self.when, self.base)


def read_sweep_config(path: str, options: Collection[str]) -> SweepConfig:
    """The file of a sweep.

    Args:
        path: of the YAML file.
        options: names of the sweep's own options, which it may set.

    Raises:
        PupilaError: it can't be read; or names what nobody knows.
    """
    content = {str(name).replace("-", "_"): value for name, value in read_config(path, load_unique).items()}
    faults: list[str] = []
    parameters = content.pop(PARAMETERS, None) or {}
    if not isinstance(parameters, dict):
        faults.append(say("{name} holds no NAME: VALUES", name=PARAMETERS))
        parameters = {}
    given = {name: value for name, value in content.items() if name in options}
    base = {name: value for name, value in content.items() if name in KNOWN and name not in given}
    faults += [_describe_unknown(name, options) for name in content if name not in given and name not in base]
    reader = _Parameters(faults)
    for name, value in parameters.items():
        reader.add(str(name).replace("-", "_"), value)
    faults += [
        say("{name} is given as one value and as several", name=name) for name in base if name in reader.base
    ]
    if faults:
        raise invalid("sweep", faults, say("correct {path}", path=path))
    return SweepConfig(reader.grid, reader.ranges, reader.when, {**base, **reader.base}, given)


@dataclass
class _Parameters:
    """Sorts the parameters of a file into values, ranges and constants."""

    faults: list[str]
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
        limits = {key: value for key, value in content.items() if key in ("min", "max", "log", "step")}
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


def _describe_unknown(name: str, options: Collection[str]) -> str:
    """What a name at the top of the file means here, or which one is meant."""
    if name == "metric":
        return say("metric is not set: the task decides it")
    if name in _ELSEWHERE:
        return say("{theirs} is written {ours} here", theirs=name, ours=_ELSEWHERE[name])
    return unknown_setting(name, [PARAMETERS, *options, *KNOWN])


def _describe_key(name: str, key: str) -> str:
    """What a key of a parameter means here, or which one is meant."""
    if key in _ELSEWHERE_WITHIN:
        return say("{theirs} is written {ours} here", theirs=f"{name}.{key}", ours=_ELSEWHERE_WITHIN[key])
    return say("{name}: {fault}", name=name, fault=unknown_setting(key, list(_KEYS)))
