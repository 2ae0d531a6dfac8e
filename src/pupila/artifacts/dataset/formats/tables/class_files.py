"""Class files beside masks: the class names of stored values."""

import contextlib
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pupila.artifacts.dataset.formats.tables.text_tables import decode_text, detect_separator
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import BACKGROUND, MOST_CLASSES, NO_DATA, LabelMap
from pupila.imaging.masks.no_label import means_no_label, means_unlabelled

CLASS_FILES = ("classes.json", "classes.csv", "class_dict.csv", "_classes.csv")
# Common column names for a class's name and its stored value; the first that occurs counts.
_NAMES = ("name", "title", "class", "label", "class_name")
_LEVELS = ("value", "pixel value", "index", "id")
_VALUES = ("color", "colour", "rgb", *_LEVELS)
_STORED = re.compile(r"#[0-9a-f]{6}|\d+|\D{0,1}\d+(\D+\d+){2}\D?", re.IGNORECASE)

Pairs = list[tuple[str, Any]]  # class name; stored value, colour as text or [red, green, blue]


def read_class_file(*folders: str) -> LabelMap | None:
    """The label map from the first class file in these folders; None where there is none.

    Raises:
        PupilaError: the file names no valid classes.
    """
    for folder in folders:
        for name in CLASS_FILES:
            uri = files.join(folder, name)
            if files.exists(uri):
                return _read_colours_and_levels(_read_csv if name.endswith(".csv") else _read_json, uri)
    return None


def _read_colours_and_levels(read: Callable[[str, bool], Pairs], uri: str) -> LabelMap:
    """The label map of the file; where its records have both a colour and a level, with the levels as well."""
    label_map = build_pairs(read(uri, False), uri)
    if not label_map.colour:
        return label_map
    with contextlib.suppress(PupilaError):  # no levels, or database ids
        levels = build_pairs(read(uri, True), uri)
        return label_map if levels.colour or max(levels.values) > 255 else replace(label_map, levels=levels)
    return label_map


def build_label_map(names: list[str], given: LabelMap | None) -> LabelMap:
    """The label map of masks drawn from polygons: pixels outside all polygons are background.

    Args:
        names: of the classes that have polygons, in order.
        given: from a class file. If it names them all, its order is used; if it has no background class, pixels
            outside all polygons are unlabelled.

    Raises:
        PupilaError: more classes than a mask can store.
    """
    own = frozenset(given.names if given else ())
    labelled = [name for name in dict.fromkeys(names) if name in own or not means_no_label(name)]
    if not {name for name in labelled if name.strip().lower() not in BACKGROUND}:
        labelled = [name for name in dict.fromkeys(names) if not means_unlabelled(name)]
    ignored = tuple((name, IGNORE) for name in dict.fromkeys(names) if name not in labelled)
    if given is not None and set(labelled) <= own:
        return replace(LabelMap.plain(given.names), ignored=ignored)
    background = next((name for name in labelled if name.strip().lower() in BACKGROUND), "background")
    classes = [background, *(name for name in labelled if name != background)]
    if len(classes) > IGNORE:
        raise PupilaError(
            say("Too many classes"), actual=str(len(classes)), expected=say("at most {n}", n=IGNORE)
        )
    return replace(LabelMap.plain(classes), ignored=ignored)


def _read_json(uri: str, levels: bool) -> Pairs:
    content = files.read_json(uri)
    if isinstance(content, dict) and isinstance(content.get("classes"), list | dict):
        content = content["classes"]
    if isinstance(content, list):
        return [
            _parse_record(record, None if levels else number, uri)
            if isinstance(record, dict)
            else (str(record), number)
            for number, record in enumerate(content)
        ]
    return parse_classes(content, uri)


def parse_classes(content: Any, uri: str) -> Pairs:
    """The pairs of an object: by name, or by stored value, of the name alone or of a record with it."""
    if not isinstance(content, dict):
        raise _invalid_classes(uri, repr(content)[:60])
    named = {key: _parse_record(value, None, uri)[0] if isinstance(value, dict) else value
             for key, value in content.items()}  # fmt: skip
    return [
        (value, key) if isinstance(value, str) and _STORED.fullmatch(key.strip()) else (key, value)
        for key, value in named.items()
    ]


def _read_csv(uri: str, levels: bool) -> Pairs:
    text = decode_text(files.read_bytes(uri))
    rows = csv.DictReader(io.StringIO(text), delimiter=detect_separator(text))
    return [_parse_record(row, None if levels else number, uri) for number, row in enumerate(rows)]


def _parse_record(row: dict[str, Any], number: int | None, uri: str) -> tuple[str, Any]:
    """A record's name with its colour or value, else its position; only its value where no position is given."""
    cells = {str(key).strip().lower(): value for key, value in row.items() if value is not None}
    name = next((str(cells[key]).strip() for key in _NAMES if key in cells), "")
    if not name:
        raise _invalid_classes(uri, listing([str(key) for key in row]))
    if number is None:
        return name, next((cells[key] for key in _LEVELS if key in cells), None)
    for red, green, blue in (("r", "g", "b"), ("red", "green", "blue")):
        if {red, green, blue} <= cells.keys():
            return name, [cells[red], cells[green], cells[blue]]
    return name, next((cells[key] for key in _VALUES if key in cells), number)


def build_pairs(pairs: Pairs, uri: str) -> LabelMap:
    """The label map, names in the order of the file; names for unlabelled pixels are not classes."""
    values = [_parse_value(value, uri) for _, value in pairs]
    colour = any(is_colour for _, is_colour in values)
    stored = tuple(value for value, _ in values)
    names = _choose_classes([name for name, _ in pairs], stored)
    numbers = {name: index for index, name in enumerate(names)}
    if len(numbers) < 2:
        raise _invalid_classes(uri, listing(list(numbers)))
    if len(numbers) > IGNORE or (not colour and max(stored) >= NO_DATA):
        raise _invalid_classes(uri, listing([str(value) for value in stored if value >= NO_DATA] or names))
    indices = tuple(numbers.get(name, IGNORE) for name, _ in pairs)
    ignored = tuple(
        (name, value) for (name, _), value in zip(pairs, stored, strict=True) if name not in numbers
    )
    soft = colour or (len(stored) == 2 and min(stored) == 0 and max(stored) >= MOST_CLASSES)
    if not colour and IGNORE not in stored:
        stored, indices = (*stored, IGNORE), (*indices, IGNORE)
    return LabelMap(tuple(numbers), stored, indices, colour, nearest=soft, ignored=ignored)


def _choose_classes(names: list[str], stored: tuple[int, ...]) -> list[str]:
    """The names that are classes; `void` and the like too where a single class would be left: a void in a casting."""
    number = str(IGNORE)  # as the name of the value 255
    classes = [name for name, value in zip(names, stored, strict=True)
               if not means_no_label(name) and not (name.strip() == number and value == IGNORE)]  # fmt: skip
    if len(set(classes)) < 2:
        classes = [name for name in names if not means_unlabelled(name)]
    return list(dict.fromkeys(classes))


def _parse_value(raw: Any, uri: str) -> tuple[int, bool]:
    """(stored value, whether it is a colour)."""
    try:
        if isinstance(raw, str) and raw.strip().startswith("#"):
            return int(raw.strip()[1:7], 16), True
        if isinstance(raw, str) and len(parts := re.findall(r"\d+", raw)) == 3:
            raw = parts
        if isinstance(raw, list | tuple):
            red, green, blue = (int(v) for v in raw)
            if not all(0 <= v <= 255 for v in (red, green, blue)):
                raise ValueError
            return red << 16 | green << 8 | blue, True
        if int(raw) < 0:
            raise ValueError
        return int(raw), False
    except (TypeError, ValueError) as fault:
        raise _invalid_classes(uri, repr(raw)) from fault


def _invalid_classes(uri: str, actual: str) -> PupilaError:
    return PupilaError(
        say("Can't read the classes in {path}", path=uri), actual=actual,
        expected=say("two to 255 classes, such as {first} or {second}", first='{"0": "background", "255": "water"}',
                   second='{"road": [128, 64, 128]}'),
    )  # fmt: skip
