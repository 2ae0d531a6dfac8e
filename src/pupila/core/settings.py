"""Settings: small frozen models, overrides by `key=value`, did-you-mean, and their description."""

import copy
import difflib
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say


class Settings(BaseModel):
    """A wish: every field has a default and a description that carries the unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def wish(cls, overrides: dict[str, Any] | None = None, command: str = "") -> Self:
        """The settings with the overrides applied; all faults are reported at once.

        Args:
            overrides: field name to value; text is read in pydantic's lax mode.
            command: the stage that `pupila settings` describes, for the remedy.

        Raises:
            PupilaError: an unknown field or a bad value.
        """
        try:
            return cls.model_validate(overrides or {})
        except ValidationError as fault:
            found = {
                ".".join(map(str, e["loc"])): _explain(e, list(cls.model_fields)) for e in fault.errors()
            }
            raise PupilaError(
                say("Bad {name} settings", name=command or cls.__name__),
                found="; ".join(f"{key}: {text}" for key, text in found.items()),
                remedy=f"pupila settings {command}".strip(),
            ) from None

    @classmethod
    def describe(cls) -> list[tuple[str, str, str]]:
        """(name, default, meaning) of every field, in order."""
        return [(name, _shown(field), field.description or "") for name, field in cls.model_fields.items()]


def _shown(field: FieldInfo) -> str:
    """The default as YAML, or that there is none."""
    if field.is_required():
        return ""
    return str(yaml.safe_dump(field.get_default(call_default_factory=True))).splitlines()[0]


def _explain(error: Any, names: list[str]) -> str:
    if error["type"] == "extra_forbidden":
        return unknown(str(error["loc"][-1]), names)
    return f"{error['msg'][0].lower()}{error['msg'][1:]} ({error['input']!r})"


def unknown(name: str, known: list[str]) -> str:
    """Says that the name is unknown, and which known one is meant, or which there are."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return say("unknown; did you mean '{name}'?", name=close[0])
    return say("unknown; there are {names}", names=", ".join(known))


def parse_overrides(pairs: list[str], over: dict[str, Any] | None = None) -> dict[str, Any]:
    """`["seed=3", "options.pad=same"]` as `{"seed": 3, "options": {"pad": "same"}}`; values are read as YAML.

    Args:
        pairs: of `--set`.
        over: what a file said, which they override.

    Raises:
        PupilaError: a pair without an equals sign, a value that is no YAML, a dot into what is no mapping.
    """
    found: dict[str, Any] = copy.deepcopy(over or {})
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise PupilaError(say("Bad --set"), found=repr(pair), wanted="key=value")
        *above, last = key.strip().split(".")
        place = found
        for name in above:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise PupilaError(
                    say("Bad --set"), found=repr(pair), wanted=say("one value for {name}", name=name)
                )
        try:
            place[last] = yaml.safe_load(value) if value.strip() else ""
        except yaml.YAMLError as fault:
            raise PupilaError(
                say("Bad --set"), found=repr(pair), wanted=say("a value that YAML can read")
            ) from fault
    return found


def read_config(path: str) -> dict[str, Any]:
    """The settings in a YAML file.

    Raises:
        PupilaError: not there, or no mapping.
    """
    try:
        content = yaml.safe_load(files.read_bytes(path))
    except (OSError, yaml.YAMLError) as fault:
        raise PupilaError(
            say("Can't read {path}", path=path), found=str(fault).splitlines()[0], wanted="YAML"
        ) from fault
    if not isinstance(content, dict):
        raise PupilaError(
            say("Can't read {path}", path=path), found=type(content).__name__, wanted="NAME: VALUE"
        )
    return content
