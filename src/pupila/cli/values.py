"""What the text of a setting means: a number, a name, a list or pairs of NAME=VALUE."""

import re
from typing import Any

from pupila.core.messages import say

PAIR = re.compile(r"[A-Za-z_][\w.-]*=")
_OPEN, _CLOSED, _QUOTES = "[{(", "]})", "'\""
_CONSTANTS = {"true": True, "false": False, "null": None}


def read_number(text: str) -> Any:
    """The number that Python reads; a text that is none stays as it is, for the settings model to check."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def read_yaml(text: str) -> Any:
    """What a text means as YAML.

    Raises:
        ValueError: no YAML, with what was expected.
    """
    from pupila.core.settings import yaml_value

    return yaml_value(text)


def read_plain(text: str) -> Any:
    """A value inside a mapping: a number, true, false, null, a list, a mapping, or else the text itself.

    Raises:
        ValueError: brackets or quotes that are not closed.
    """
    text = text.strip()
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return read_yaml(text) if text.startswith(("[", "{", "'", '"')) else read_number(text)


def read_list(text: str) -> list[Any]:
    """Numbers with commas between, with or without brackets."""
    return [read_number(part.strip()) for part in split_commas(_strip_brackets(text))]


def read_names(text: str) -> Any:
    """Names with commas between; an address may hold commas."""
    if text.startswith("["):
        return read_yaml(text)
    return [text] if "://" in text else [part.strip() for part in text.split(",") if part.strip()]


def read_mapping(text: str) -> Any:
    """Pairs such as `a=1,b=[2,3]`, or YAML such as `{a: 1}`.

    Raises:
        ValueError: a part without a name, or no YAML.
    """
    if not PAIR.match(text):
        return read_yaml(text)
    pairs = [part.strip().partition("=") for part in split_commas(text)]
    if any(not name or not equals for name, equals, _ in pairs):
        raise ValueError("NAME=VALUE,...")
    return {name.strip(): read_plain(value) for name, _, value in pairs}


def read_lists(text: str) -> Any:
    """A name and its values such as `lr=0.1,0.01`, or YAML such as `{lr: [0.1, 0.01]}`.

    Raises:
        ValueError: no name, or no YAML.
    """
    if not PAIR.match(text):
        if text.startswith("{"):
            return read_yaml(text)
        raise ValueError("NAME=V1,V2")
    name, _, values = text.partition("=")
    return {
        name.strip().replace("-", "_"): [read_plain(part) for part in split_commas(_strip_brackets(values))]
    }


def read_conditions(text: str) -> Any:
    """A name, and another one with its values, such as `lr:optimizer=sgd`, or YAML such as `{lr: {optimizer: [sgd]}}`.

    Raises:
        ValueError: not both names, or no YAML.
    """
    if text.startswith("{"):
        return read_yaml(text)
    name, colon, condition = text.partition(":")
    if not colon or not name.strip() or not PAIR.match(condition):
        raise ValueError("NAME:OTHER=V1,V2")
    return {name.strip().replace("-", "_"): read_lists(condition)}


def split_commas(text: str) -> list[str]:
    """The parts between the commas that stand outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter == "," and not depth and not quote:
            parts.append("")
            continue
        if letter in _QUOTES and quote in ("", letter):
            quote = "" if quote else letter
        elif not quote:
            depth += (letter in _OPEN) - (letter in _CLOSED)
        parts[-1] += letter
    return parts


def _strip_brackets(text: str) -> str:
    text = text.strip()
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def set_within(values: dict[str, Any], path: list[str], value: Any) -> str:
    """Set a place inside a mapping, such as `options.pad_type`.

    Args:
        values: setting -> value.
        path: the setting, and the names below it.
        value: the value of the last name.

    Returns:
        What is wrong; empty: nothing.
    """
    if not all(path):
        return say("expected NAME.NAME=VALUE")
    place: Any = values.setdefault(path[0], {})
    for step in path[1:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        return say("{name} takes one value", name="--" + path[0].replace("_", "-"))
    place[path[-1]] = value
    return ""
