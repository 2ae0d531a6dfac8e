"""What --grid, --range and --when of `pupila sweep` mean, as text."""

from collections.abc import Sequence
from typing import Any

from pupila.cli.flag import table
from pupila.cli.values import split_commas
from pupila.core.errors import PupilaError
from pupila.core.messages import say

GRID_FORM, RANGE_FORM, WHEN_FORM = "NAME=V1,V2,...", "NAME=LOW..HIGH[:log][:step=N]", "NAME:OTHER=V1,V2,..."
_QUOTES = "'\""


def read_grid(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Setting -> values, from texts such as "augment=A1,A2".

    Raises:
        PupilaError: another form, or a setting that is given twice.
    """
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, values = _divide("--grid", text, GRID_FORM, grid)
        grid[name] = _read_values(name, values)
    return grid


def read_ranges(texts: Sequence[str]) -> dict[str, str]:
    """Setting -> range, from texts such as "lr=0.0001..0.1:log".

    Raises:
        PupilaError: no name, or a setting that is given twice.
    """
    ranges: dict[str, str] = {}
    for text in texts:
        name, limits = _divide("--range", text, RANGE_FORM, ranges)
        ranges[name] = limits
    return ranges


def read_conditions(texts: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """Setting -> other setting -> values with which it applies, from texts such as "lr:optimizer=sgd".

    Raises:
        PupilaError: another form, or a condition that is given twice.
    """
    when: dict[str, dict[str, list[Any]]] = {}
    for text in texts:
        name, colon, condition = text.partition(":")
        if not colon or not name.strip():
            raise _wrong_form("--when", text, WHEN_FORM)
        given = when.setdefault(_name(name), {})
        other, values = _divide("--when", condition, WHEN_FORM, given, text)
        given[other] = _read_values(other, values)
    return when


def _divide(flag: str, text: str, form: str, given: dict[str, Any], whole: str = "") -> tuple[str, str]:
    """The name and what stands behind it."""
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise _wrong_form(flag, whole or text, form)
    if _name(name) in given:
        raise PupilaError(
            say("{flag} {name} is given twice", flag=flag, name=_name(name)),
            expected=say("all values in one {flag}", flag=flag), remedy=f"{flag} {form}",
        )  # fmt: skip
    return _name(name), rest


def _name(text: str) -> str:
    return text.strip().removeprefix("--").replace("-", "_")


def _read_values(name: str, text: str) -> list[Any]:
    """The values between the commas that stand outside of quotes and brackets; one in brackets is a list of them."""
    flags = {flag.name: flag for flag in reversed([*table()["train"], *table()["split"]])}
    flag = flags.get(name)
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]") and len(split_commas(inner)) == 1:
        inner = inner[1:-1]
    values: list[Any] = []
    for part in map(str.strip, split_commas(inner)):
        if len(part) > 1 and part[0] in _QUOTES and part[-1] == part[0]:
            values.append(part[1:-1])
        elif flag is None:
            values.append(part)
        else:
            values.append(_read_value(flag.value, part))
    return values


def _read_value(read: Any, part: str) -> Any:
    try:
        return read(part)
    except ValueError:  # the settings model says what was expected
        return part


def _wrong_form(flag: str, text: str, form: str) -> PupilaError:
    return PupilaError(say("{flag} {text} can't be read", flag=flag, text=text), expected=f"{flag} {form}")
