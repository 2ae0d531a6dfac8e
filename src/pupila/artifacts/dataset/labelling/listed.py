"""Several labels in one cell: a list in JSON or in Python, names with a separator, or the text of labels."""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pupila.artifacts.dataset.labelling.label_rows import (
    CLASSIFY_FLAG,
    MULTILABEL_FLAG,
    LabelRows,
    name_present,
)
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import NONE_WORDS

_CLEAR: Final = ("|", ";")
_DOUBTFUL: Final = ","  # separators; names of classes may well contain a comma
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
Cells = Sequence[str | None]


def find_listed_labels(cells: Cells, several: bool | None) -> LabelRows | None:
    """The labels where cells hold several of them; None where a cell holds one class.

    Args:
        cells: of the column of labels; None: no label.
        several: whether the user says that there are several; None: as the cells suggest.
    """
    distinct = list(dict.fromkeys(cell for cell in cells if cell is not None))
    parsed = {cell: parse_list(cell) for cell in distinct}
    if any(isinstance(content, dict) for content in parsed.values()):
        return _read_texts(cells, parsed)
    if any(content is not None for content in parsed.values()):
        names = {
            cell: content if isinstance(content, list) else [cell.strip()] for cell, content in parsed.items()
        }
        return read_names(cells, names, [say("The labels are lists.")])
    if several is False:
        return None
    separator = find_separator(distinct, requested=several is True)
    if separator is None:
        if not several:
            return None
        notes = [say('Some labels contain "{separator}" ({cells}), which need not separate them: each cell is one '
                     'class. A "|" always separates.', separator=mark, cells=listing(some, 3))
                 for mark, some in _cells_with_separator(distinct)]  # fmt: skip
        return read_names(cells, {cell: [cell.strip()] for cell in distinct}, notes)
    note = say('The labels of an image are separated by "{separator}". {flag} reads each cell as one class.',
               separator=separator, flag=CLASSIFY_FLAG)  # fmt: skip
    return read_names(cells, {cell: split_cell(cell, separator) for cell in distinct}, [note])


def doubtful_separator(cells: Cells) -> list[str]:
    """A note where cells contain a separator, and yet are read as one class each.

    Args:
        cells: of the column of labels.
    """
    distinct = list(dict.fromkeys(cell for cell in cells if cell is not None))
    return [say('Some labels contain "{separator}" ({cells}). Each cell is read as one class; {flag} reads several.',
                separator=separator, cells=listing(some, 3), flag=MULTILABEL_FLAG)
            for separator, some in _cells_with_separator(distinct)]  # fmt: skip


def _cells_with_separator(distinct: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The first separator that occurs, and the cells with it; empty where none does."""
    for separator in (*_CLEAR, _DOUBTFUL):
        some = [cell for cell in distinct if len(split_cell(cell, separator)) > 1]
        if some:
            return [(separator, some)]
    return []


def parse_list(cell: str) -> list[str] | dict[str, Any] | None:
    """The names in a list, or the labels of a cell that says of each class whether it is present; None: neither."""
    text = cell.strip()
    if not (text.startswith(("[", "{", "(")) and text.endswith(("]", "}", ")"))):
        return None
    content = _parse(text)
    if isinstance(content, dict):
        known = all(value is None or value in (0, 1) for value in content.values())
        return {str(name): value for name, value in content.items()} if known else None
    if not isinstance(content, list | tuple | set):
        return None
    items = [item for item in content if item is not None]
    if any(isinstance(item, list | tuple | dict | set) for item in items):
        return None
    return sorted({str(item).strip() for item in items} - {""})


def _parse(text: str) -> object:
    if text.startswith("[") and re.search(r"['\"]\s+['\"]", text) and "," not in text:
        return [first or second for first, second in _QUOTED.findall(text)]  # as numpy prints an array
    parsers: tuple[Callable[[str], object], ...] = (json.loads, ast.literal_eval)
    for parse in parsers:
        try:
            return parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return None


def find_separator(cells: Sequence[str], requested: bool) -> str | None:
    """What separates the labels in a cell; None where each cell is one class, or nothing decides it.

    The parts between separators must recur: they are fewer than the cells, or stand alone in other cells, or at
    different positions. Between commas, which names contain, most parts must recur as well, and some of them alone or
    at different positions: "Apple, red" and "Apple, green" are names.

    Args:
        cells: distinct.
        requested: whether the user says that cells hold several labels: then bar and semicolon always separate.
    """
    for separator in _CLEAR:
        if (requested and any(len(split_cell(cell, separator)) > 1 for cell in cells)) or _parts_recur(
            cells, separator
        ):
            return separator
    doubtful = [_DOUBTFUL, " "] if requested else [_DOUBTFUL]
    for separator in doubtful:
        if _parts_recur(cells, separator) and _most_parts_recur(cells, separator):
            return separator
    return None


def split_cell(cell: str, separator: str) -> list[str]:
    """The parts of a cell, without blanks around them."""
    return [part for part in (piece.strip() for piece in cell.split(separator)) if part]


def _parts_recur(cells: Sequence[str], separator: str) -> bool:
    parts = [split_cell(cell, separator) for cell in cells]
    if not any(len(names) > 1 for names in parts):
        return False
    fewer = len({name for names in parts for name in names}) < len(parts)
    return fewer or _stand_elsewhere(parts)


def _stand_elsewhere(parts: Sequence[Sequence[str]]) -> bool:
    """Whether a part of some cell stands alone in another one, or at another position."""
    several = [names for names in parts if len(names) > 1]
    alone = {names[0] for names in parts if len(names) == 1}
    first, later = {names[0] for names in several}, {name for names in several for name in names[1:]}
    return bool(alone & (first | later) or first & later)


def _most_parts_recur(cells: Sequence[str], separator: str) -> bool:
    parts = [split_cell(cell, separator) for cell in cells]
    count = Counter(name for names in parts for name in set(names))
    of_several = {name for names in parts if len(names) > 1 for name in names}
    return 2 * sum(count[name] > 1 for name in of_several) > len(of_several) and _stand_elsewhere(parts)


def read_names(cells: Cells, names: Mapping[str, Sequence[str]], notes: list[str]) -> LabelRows:
    """The labels of cells that name what is present; a word for none that stands alone is no class.

    Args:
        cells: None: no label.
        names: in each cell.
        notes: how they were read, for the user.
    """
    nothing = sorted({
        row[0] for row in names.values() if len(row) == 1 and row[0].lower() in NONE_WORDS
    } - {name for row in names.values() if len(row) > 1 for name in row})  # fmt: skip
    for word in nothing:
        count = sum(cell is not None and list(names[cell]) == [word] for cell in cells)
        notes = [*notes, say_count('"{name}" ({n} image) means none of the classes.',
                                   '"{name}" ({n} images) means none of the classes.', count, name=word)]  # fmt: skip
    present = [
        None if cell is None else [name for name in names[cell] if name not in nothing] for cell in cells
    ]
    return name_present(present, notes)


def _read_texts(cells: Cells, parsed: Mapping[str, Any]) -> LabelRows:
    """The labels of cells that say of each class whether it is present."""
    known = {
        cell: {name: bool(value) for name, value in content.items() if value is not None}
        if isinstance(content, dict) else dict.fromkeys(content if content is not None else [cell.strip()], True)
        for cell, content in parsed.items()
    }  # fmt: skip
    rows = [None if cell is None else known[cell] or None for cell in cells]
    note = say(
        "The labels say of each class whether it is present; a class that a cell does not name is unknown."
    )
    return LabelRows(rows, sorted({name for labels in known.values() for name in labels}), False, [note])
