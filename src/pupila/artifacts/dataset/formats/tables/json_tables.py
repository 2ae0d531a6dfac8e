"""JSON files as tables: lists of records, and mappings between images and labels; their content tells the form."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS

_LONGEST = 80  # characters of a label
_SENTENCE = 5  # words
_DEEPEST = 3  # records within records
NamesImage = Callable[[str], bool]  # whether a text names an image that exists


@dataclass(frozen=True, slots=True)
class JsonTable:
    """The content of a JSON file as a table."""

    frame: pl.DataFrame  # all texts; lists and records as JSON
    named: bool  # whether its columns have names of their own
    form: str = ""  # where it holds no records: a sentence about its form, without the file


def parse_json_table(content: Any, names_image: NamesImage, images: int, depth: int = 0) -> JsonTable | None:
    """The table; None where the content has no form of a table of images.

    Args:
        content: of the file.
        names_image: whether a text names an image that exists.
        images: number of images that exist.
        depth: of the content in the file.
    """
    if isinstance(content, list):
        return _parse_list(content)
    if not isinstance(content, dict) or not content or depth > _DEEPEST:
        return None
    if {*map(str.lower, content)} <= SPLIT_WORDS.keys():
        return _parse_splits(content, names_image, images, depth)
    if (by_image := _parse_by_image(content, names_image, images)) is not None:
        return by_image
    if (by_class := _parse_by_class(content, names_image)) is not None:
        return by_class
    if (columns := _parse_columns(content, names_image)) is not None:
        return columns
    inner = [table for value in content.values()
             if (table := parse_json_table(value, names_image, images, depth + 1)) is not None]  # fmt: skip
    return inner[0] if len(inner) == 1 else None


def _parse_list(content: list[Any]) -> JsonTable | None:
    """Records, or rows of equal length."""
    if not content:
        return None
    if all(isinstance(row, dict) for row in content):
        return JsonTable(_build(content), named=True)
    if all(isinstance(row, list) and 1 < len(row) == len(content[0]) for row in content):
        rows = [{f"column {n}": cell for n, cell in enumerate(row, start=1)} for row in content]
        return JsonTable(_build(rows), named=False)
    return None


def _parse_splits(content: Any, names_image: NamesImage, images: int, depth: int) -> JsonTable | None:
    """A table for each split, which get a column of splits."""
    tables = {word: parse_json_table(value, names_image, 0, depth + 1) for word, value in content.items()}
    frames = [table.frame if "split" in table.frame.columns else table.frame.with_columns(split=pl.lit(word))
              for word, table in tables.items() if table is not None]  # fmt: skip
    parsed = [table for table in tables.values() if table is not None]
    if not images or len(parsed) < len(content) or len({table.named for table in parsed}) > 1:
        return None
    return JsonTable(pl.concat(frames, how="diagonal"), parsed[0].named, parsed[0].form)


def _parse_by_image(content: Any, names_image: NamesImage, images: int) -> JsonTable | None:
    """Keys that name images, with a label, a list of labels, or a record each.

    Keys without endings may be numbers of classes: they have to name half of the images.
    """
    hits = sum(names_image(key) for key in content)
    endings = sum(files.suffix(key) in IMAGE_SUFFIXES for key in content)
    if not hits or 2 * hits < len(content) or (2 * endings < len(content) and 2 * hits < images):
        return None
    values = list(content.values())
    if all(isinstance(value, dict) for value in values) and not all(map(_is_record_of_labels, values)):
        return JsonTable(_build({"image": key, **value} for key, value in content.items()), named=True)
    labels = [part for value in values for part in (value if isinstance(value, list | dict) else [value])]
    unlike = _hold_measures(values) or _are_sentences(labels)
    name = "content" if unlike else "label" if _recur(labels) else "value"
    rows = ({"image": key, name: value} for key, value in content.items())
    return JsonTable(_build(rows), True, say("its keys name the images, and its values are the labels"))


def _parse_by_class(content: Any, names_image: NamesImage) -> JsonTable | None:
    """Lists of images by their class; an image in several lists has several labels."""
    lists = list(content.values())
    if not all(isinstance(each, list) and all(isinstance(name, str) for name in each) for each in lists):
        return None
    names = [name for each in lists for name in each]
    if len(content) < 2 or not all(any(map(names_image, each)) for each in lists if each):
        return None
    if 2 * sum(map(names_image, names)) < len(names):
        return None
    labels: dict[str, list[str]] = {}
    for label, each in content.items():
        for name in each:
            labels.setdefault(name, []).append(label)
    several = any(len(each) > 1 for each in labels.values())
    rows = ({"image": name, "label": each if several else each[0]} for name, each in labels.items())
    return JsonTable(_build(rows), True, say("its keys are the labels of the images that they list"))


def _parse_columns(content: Any, names_image: NamesImage) -> JsonTable | None:
    """A list for each column, or a record of cells by row, as pandas writes them."""
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        table = _parse_list(content["data"])
        names = [str(name) for name in content["columns"]]
        fits = table is not None and not table.named and len({*names}) == len(names) == table.frame.width
        return JsonTable(table.frame.rename(dict(zip(table.frame.columns, names, strict=True))), True) if (
            table is not None and fits) else None  # fmt: skip
    columns = list(content.values())
    if len(columns) < 2 or not all(isinstance(column, list | dict) and column for column in columns):
        return None
    keys = [list(column) if isinstance(column, dict) else range(len(column)) for column in columns]
    if any(each != keys[0] for each in keys[1:]):
        return None
    cells = [list(column.values()) if isinstance(column, dict) else column for column in columns]
    if not any(sum(isinstance(c, str) and names_image(c) for c in each) * 2 >= len(each) for each in cells):
        return None
    rows = (dict(zip(content, row, strict=True)) for row in zip(*cells, strict=True))
    return JsonTable(_build(rows), named=True)


def _build(records: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The records as texts, one column for each key."""
    rows = [_flatten(record) for record in records]
    names = dict.fromkeys(str(key) for row in rows for key in row)
    columns = {name: [_text(row.get(name)) for row in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _flatten(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the cells of records in it as its own, `annotation.class`; but those of labels stay whole."""
    flat: dict[str, Any] = {}
    for key, cell in record.items():
        inner = isinstance(cell, dict) and not _is_record_of_labels(cell)
        flat |= {f"{key}.{name}": value for name, value in cell.items()} if inner else {key: cell}
    return flat


def _text(cell: Any) -> str | None:
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False)
    return None if cell is None or cell == "" else str(cell)


def _is_record_of_labels(value: Any) -> bool:
    """Whether a record says of each label whether it is present."""
    return bool(value) and all(not _is_nested(cell) and cell in (None, 0, 1, -1) for cell in value.values())


def _is_nested(cell: Any) -> bool:
    return isinstance(cell, list | dict)


def _are_sentences(labels: list[Any]) -> bool:
    """Whether most texts are captions."""
    return 2 * sum(len(str(label).split()) >= _SENTENCE for label in labels) > len(labels)


def _hold_measures(values: list[Any]) -> bool:
    """Whether lists of numbers are measures, such as boxes: a number comes twice, or all are as long and not sorted."""
    lists = [value for value in values if isinstance(value, list) and value]
    if not lists or not all(isinstance(number, int) for each in lists for number in each):
        return False
    repeated = any(len({*each}) < len(each) for each in lists)
    return repeated or (len({*map(len, lists)}) == 1 and any(each != sorted(each) for each in lists))


def _recur(labels: list[Any]) -> bool:
    """Whether short texts or whole numbers recur, as labels do; captions and measures do not."""
    given = [label for label in labels if label is not None and label != ""]
    plain = all(isinstance(label, str | int) and len(str(label)) <= _LONGEST for label in given)
    return plain and len({*map(str, given)}) <= max(2, len(given) // 2)
