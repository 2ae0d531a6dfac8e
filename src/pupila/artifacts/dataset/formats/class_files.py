"""Class files beside masks: what the stored values of masks are called."""

import contextlib
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pupila.artifacts.dataset.formats.text_tables import separator, text_of
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import BACKGROUND, MOST_CLASSES, NO_LABEL, Legend

CLASS_FILES = ("classes.json", "classes.csv", "class_dict.csv", "_classes.csv")
# What other people call a class's name and the value that stands for it, the first that occurs counts.
_NAMES = ("name", "title", "class", "label", "class_name")
_LEVELS = ("value", "pixel value", "index", "id")
_VALUES = ("color", "colour", "rgb", *_LEVELS)
_STORED = re.compile(r"#[0-9a-f]{6}|\d+|\D{0,1}\d+(\D+\d+){2}\D?", re.IGNORECASE)

Pairs = list[tuple[str, Any]]  # class name; stored value, colour as text or [red, green, blue]


def class_legend(*folders: str) -> Legend | None:
    """What a file in the first of these folders that has one says of the masks' values; None where there is none.

    Raises:
        PupilaError: the file says nothing that can be read.
    """
    for folder in folders:
        for name in CLASS_FILES:
            uri = files.join(folder, name)
            if files.exists(uri):
                return _both(_csv_pairs if name.endswith(".csv") else _json_pairs, uri)
    return None


def _both(read: Callable[[str, bool], Pairs], uri: str) -> Legend:
    """What the file says; where its records have a colour and a level each, the levels besides."""
    legend = _legend(read(uri, False), uri)
    if not legend.colour:
        return legend
    with contextlib.suppress(PupilaError):  # no levels, or the numbers of a data base
        levels = _legend(read(uri, True), uri)
        return legend if levels.colour else replace(legend, levels=levels)
    return legend


def drawn_legend(names: list[str], given: Legend | None) -> Legend:
    """The classes of masks that are drawn from outlines: what no outline covers is background.

    Args:
        names: of the classes that have outlines, in order.
        given: of a class file. If it names them all, its order holds; and if it knows no background,
            what no outline covers has no label.

    Raises:
        PupilaError: more classes than a mask can hold.
    """
    kept = [name for name in dict.fromkeys(names) if name.strip().lower() not in NO_LABEL]
    if given is not None and set(kept) <= set(given.names):
        return Legend.plain(given.names)
    background = next((name for name in kept if name.strip().lower() in BACKGROUND), "background")
    told = [background, *(name for name in kept if name != background)]
    if len(told) > IGNORE:
        raise PupilaError(say("Too many classes"), found=str(len(told)), wanted=say("at most {n}", n=IGNORE))
    return Legend.plain(told)


def _json_pairs(uri: str, levels: bool) -> Pairs:
    told = files.read_json(uri)
    if isinstance(told, dict) and isinstance(told.get("classes"), list | dict):
        told = told["classes"]
    if isinstance(told, list):
        return [
            _pair(one, None if levels else number, uri) if isinstance(one, dict) else (str(one), number)
            for number, one in enumerate(told)
        ]
    if isinstance(told, dict):
        return [
            (value, key) if isinstance(value, str) and _STORED.fullmatch(key.strip()) else (key, value)
            for key, value in told.items()
        ]
    raise _bad_classes(uri, repr(told)[:60])


def _csv_pairs(uri: str, levels: bool) -> Pairs:
    text = text_of(files.read_bytes(uri))
    rows = csv.DictReader(io.StringIO(text), delimiter=separator(text))
    return [_pair(row, None if levels else number, uri) for number, row in enumerate(rows)]


def _pair(row: dict[str, Any], number: int | None, uri: str) -> tuple[str, Any]:
    """A record's name, and its colour, value, or its place where it tells neither; without a place its value alone."""
    told = {str(key).strip().lower(): value for key, value in row.items() if value is not None}
    name = next((str(told[key]).strip() for key in _NAMES if key in told), "")
    if not name:
        raise _bad_classes(uri, listing([str(key) for key in row]))
    if number is None:
        return name, next((told[key] for key in _LEVELS if key in told), None)
    for red, green, blue in (("r", "g", "b"), ("red", "green", "blue")):
        if {red, green, blue} <= told.keys():
            return name, [told[red], told[green], told[blue]]
    return name, next((told[key] for key in _VALUES if key in told), number)


def _legend(pairs: Pairs, uri: str) -> Legend:
    """Names in the order of the file; what has no label is no class."""
    values = [_value(value, uri) for _, value in pairs]
    names = [name for name, _ in pairs if name.strip().lower() not in NO_LABEL]
    numbers = {name: index for index, name in enumerate(dict.fromkeys(names))}
    colour = any(is_colour for _, is_colour in values)
    stored = tuple(value for value, _ in values)
    if len(numbers) < 2:
        raise _bad_classes(uri, listing(list(numbers)))
    if len(numbers) > IGNORE or (not colour and max(stored) > 255):
        raise _bad_classes(uri, listing([str(value) for value in stored if value > 255] or names))
    indices = tuple(numbers.get(name, IGNORE) for name, _ in pairs)
    soft = colour or (len(stored) == 2 and min(stored) == 0 and max(stored) >= MOST_CLASSES)
    if not colour and IGNORE not in stored:
        stored, indices = (*stored, IGNORE), (*indices, IGNORE)
    return Legend(tuple(numbers), stored, indices, colour, nearest=soft)


def _value(told: Any, uri: str) -> tuple[int, bool]:
    """(stored value, whether it is a colour)."""
    try:
        if isinstance(told, str) and told.strip().startswith("#"):
            return int(told.strip()[1:7], 16), True
        if isinstance(told, str) and len(parts := re.findall(r"\d+", told)) == 3:
            told = parts
        if isinstance(told, list | tuple):
            red, green, blue = (int(v) for v in told)
            if not all(0 <= v <= 255 for v in (red, green, blue)):
                raise ValueError
            return red << 16 | green << 8 | blue, True
        if int(told) < 0:
            raise ValueError
        return int(told), False
    except (TypeError, ValueError) as fault:
        raise _bad_classes(uri, repr(told)) from fault


def _bad_classes(uri: str, found: str) -> PupilaError:
    return PupilaError(
        say("Can't read the classes in {path}", path=uri), found=found,
        wanted=say("two to 255 classes, as {first} or {second}", first='{"0": "background", "255": "water"}',
                   second='{"road": [128, 64, 128]}'),
    )  # fmt: skip
