"""Tables of boxes: a row for each object, with its class and its place; they become labels of whole images."""

import re
from collections import defaultdict

import polars as pl

from pupila.artifacts.dataset.formats.tables.columns_in_words import is_numbered
from pupila.core.messages import listing, say
from pupila.tasks.label_text import write_labels

_ACROSS = re.compile(
    r"(b?box)?[ _-]?x[ _-]?(min|max|0|1|2|tl|br|start|end|c|cent(er|re))?|(min|max|c|cent(er|re))[ _-]?x|"
    r"(b?box)?[ _-]?(left|right)",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"(b?box)?[ _-]?y[ _-]?(min|max|0|1|2|tl|br|start|end|c|cent(er|re))?|(min|max|c|cent(er|re))[ _-]?y|"
    r"(b?box)?[ _-]?(top|bottom)",
    re.IGNORECASE,
)
_EXTENT = re.compile(r"(b?box)?[ _-]?(w|h|width|height)", re.IGNORECASE)
_BOX = re.compile(r"(b?box|bounding[ _-]?box|region)(es)?", re.IGNORECASE)
_CELL = re.compile(r"[\[({]?\s*-?\d+(\.\d+)?(?:[\s,;]+-?\d+(\.\d+)?){3}\s*[\])}]?")
_COORDINATES = 4


def describe_boxes() -> str:
    """What becomes of boxes, whatever file holds them."""
    return say(
        "Boxes are not learned yet: an image has the labels of its boxes, and their places are not read."
    )


def find_box_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that say where the object of a row lies; empty where the table has no boxes.

    They are four columns of numbers with names such as `xmin` or `width`, one column of four numbers, or, where
    columns have no names, four beside each other that are the corners of rectangles.

    Args:
        frame: the table, all texts.
    """
    alone = [name for name in frame.columns if _BOX.fullmatch(name) and _holds_boxes(frame[name])]
    if alone:
        return alone
    numbers = {name: values for name in frame.columns if (values := _numbers(frame[name])) is not None}
    across = [name for name in numbers if _ACROSS.fullmatch(name)]
    down = [name for name in numbers if _DOWN.fullmatch(name)]
    extents = [name for name in numbers if _EXTENT.fullmatch(name)]
    if across and down and len(across) == len(down):
        if len(across) + len(down) >= _COORDINATES:
            return [*across, *down]
        if len(extents) >= _COORDINATES - len(across) - len(down):
            return [*across, *down, *extents]
    for start in range(len(frame.columns) - _COORDINATES + 1):
        names = frame.columns[start : start + _COORDINATES]
        if all(name in numbers and is_numbered(name) for name in names):
            left, top, right, bottom = (numbers[name] for name in names)
            if bool((left < right).all() and (top < bottom).all()):
                return names
    return []


def _numbers(cells: pl.Series) -> pl.Series | None:
    """The numbers of a column; None where a cell is none, or all are empty."""
    given = cells.str.strip_chars().replace("", None)
    values = given.cast(pl.Float64, strict=False)
    return values if values.null_count() == given.null_count() < len(given) else None


def _holds_boxes(cells: pl.Series) -> bool:
    given = [cell for cell in cells.drop_nulls().str.strip_chars() if cell]
    return bool(given) and all(_CELL.fullmatch(cell) for cell in given)


def unite_boxes(rows: pl.DataFrame, boxes: list[str], table: str) -> tuple[pl.DataFrame, list[str]]:
    """One row for each image, with the classes of its boxes as its labels, and what was decided.

    A row without a class and a box says that its image shows nothing. In an image with a box without a class, classes
    that it does not show are unknown.

    Args:
        rows: of boxes, with the columns `image` and `target`.
        boxes: columns that say where the objects lie.
        table: its name, for the user.
    """
    given = rows["target"].str.strip_chars().replace("", None)
    placed = ~rows.select(pl.all_horizontal(pl.col(boxes).is_null())).to_series()
    present: dict[str, set[str]] = defaultdict(set)
    partial: set[str] = set()
    for image, name, has_box in zip(rows["image"], given, placed, strict=True):
        present[image] |= {name} - {None}
        if name is None and has_box:
            partial.add(image)
    names = sorted(set(given.drop_nulls()))
    united = rows.unique("image", keep="first", maintain_order=True).drop(boxes)
    texts = [
        write_labels(
            {name: name in present[image] for name in (present[image] if image in partial else names)}
        )
        for image in united["image"]
    ]
    notes = [
        say("{table}: the columns {names} are boxes.", table=table, names=listing(boxes, 4)),
        describe_boxes(),
    ]
    return united.with_columns(target=pl.Series(texts, dtype=pl.String)), notes
