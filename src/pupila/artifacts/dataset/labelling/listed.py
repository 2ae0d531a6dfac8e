"""Several labels in one cell: a list in JSON or in Python, names with a separator, or the text of labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pupila.artifacts.dataset.labelling.label_rows import (
    CLASSIFY_FLAG,
    MULTILABEL_FLAG,
    LabelRows,
    name_present,
)
from pupila.artifacts.dataset.labelling.list_cells import (
    Content,
    Unreadable,
    are_places,
    check_names,
    is_none_word,
    parse_cell,
    read_content,
    says_nothing,
)
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count

_CLEAR: Final = ("|", ";")
_DOUBTFUL: Final = ","  # separators; names of classes may well contain a comma
_JOINING: Final = ("+", "/", "&", "-")  # never separate, although some tables join names with them
_EXAMPLE: Final = '["salt", "sugar"]'
Cells = Sequence[str | None]


def find_listed_labels(cells: Cells, several: bool | None, classes: Sequence[str] = ()) -> LabelRows | None:
    """The labels where cells hold several of them; None where a cell holds one class.

    Args:
        cells: of the column of labels; None: no label.
        several: whether the user says that there are several; None: as the cells suggest.
        classes: that the data have already: a cell that names some of them is a list, and the others are absent.

    Raises:
        PupilaError: lists of nothing but 0 and 1, or lists beside records.
    """
    given = dict.fromkeys(cell for cell in cells if cell is not None)
    parsed = {cell: content for cell in given if (content := parse_cell(cell)) is not None}
    silent = {cell for cell, content in parsed.items() if content == {}}
    silent |= {cell for cell in given if says_nothing(cell) and cell.strip() not in classes}
    distinct = [cell for cell in given if cell not in silent]
    places = are_places(list(parsed.values()))
    if places and any(isinstance(content, dict) for content in parsed.values()):
        raise PupilaError(
            say("Some labels are lists, and others are records"), actual=listing(list(parsed), 3),
            expected=say("one form for all of them, such as {example}", example=_EXAMPLE),
            remedy=say("write the names, or one column for each class"),
        )  # fmt: skip
    if places:
        raise PupilaError(
            say("The lists of labels hold only 0 and 1, which leaves open which class is which"),
            actual=listing(list(parsed), 3), expected=say("names of classes, such as {example}", example=_EXAMPLE),
            remedy=say("write the names, or one column for each class"),
        )  # fmt: skip
    named = [cell for cell in distinct if cell not in parsed]
    if (
        parsed
        and not any(parsed.values())
        and several is not False
        and find_separator(named, several is True)
    ):
        return _read_separated(
            cells, named, several, classes, nothing=[cell for cell in distinct if cell in parsed]
        )
    if parsed:
        contents = _read_lists(distinct, parsed, classes)
        if any(isinstance(content, dict) for content in contents.values()):
            return _read_records(cells, contents)
        return read_contents(cells, contents, [say("The labels are lists.")] if contents else [], classes)
    if several is False:
        return None
    return _read_separated(cells, distinct, several, classes)


def _read_separated(
    cells: Cells,
    distinct: Sequence[str],
    several: bool | None,
    classes: Sequence[str],
    nothing: Sequence[str] = (),
) -> LabelRows | None:
    """The labels of cells that name what is present, with a separator between names or without; or name nothing."""
    separator = find_separator(distinct, requested=several is True)
    names = {cell: split_cell(cell, separator) if separator else [_strip(cell)] for cell in distinct}
    of_data = {cell: parts for cell in distinct if (parts := _split_into(cell, classes))}
    names |= of_data
    if separator:
        notes = [say('The labels of an image are separated by "{separator}". {flag} reads each cell as one class.',
                     separator=separator, flag=CLASSIFY_FLAG)]  # fmt: skip
    elif any(len(parts) > 1 for parts in of_data.values()):
        notes = [say("Cells that name several classes of the data are lists of them.")]
    elif not several:
        return None
    else:
        notes = [say('Some labels contain "{separator}" ({cells}), which need not separate them: each cell is one '
                     'class. A "|" always separates.', separator=mark, cells=listing(some, 3))
                 for mark, some in _cells_with_separator(distinct)]  # fmt: skip
    notes += _describe_joined({name for parts in names.values() for name in parts}, separator)
    contents: dict[str, Content] = {cell: [] for cell in nothing}
    for cell, parts in names.items():
        contents[cell] = check_names(parts, classes) if len(parts) > 1 else parts
    return read_contents(cells, contents, notes, classes)


def _split_into(cell: str, classes: Sequence[str]) -> list[str]:
    """The classes of the data that the cell names, alone or with a separator between them; empty where it does not."""
    for separator in ("", *_CLEAR, _DOUBTFUL):
        parts = split_cell(cell, separator) if separator else [cell.strip()]
        if parts and all(name in classes for name in parts):
            return parts
    return []


def _strip(cell: str) -> str:
    """The one name in a cell, without separators after or before it."""
    return cell.strip().strip("".join((*_CLEAR, _DOUBTFUL))).strip() or cell.strip()


def _describe_joined(names: set[str], separator: str | None) -> list[str]:
    """A note where names of classes seem to be joined by what is not read as a separator."""
    notes = []
    for mark in (*_CLEAR, _DOUBTFUL, *_JOINING):
        joined = [
            name for name in sorted(names) if len(parts := split_cell(name, mark)) > 1
            and (mark in _CLEAR or all(part in names for part in parts))
        ]  # fmt: skip
        if joined and (separator or mark in _JOINING):
            notes.append(say('Some labels join names by "{mark}" ({names}), which does not separate them: each is a '
                             'class of its own. Write "{separator}" between the names.', mark=mark,
                             names=listing(joined, 3), separator=separator or _CLEAR[0]))  # fmt: skip
    return notes


def doubtful_separator(cells: Cells) -> list[str]:
    """A note where cells contain a separator, and yet are read as one class each.

    Args:
        cells: of the column of labels.
    """
    distinct = list(dict.fromkeys(cell for cell in cells if cell is not None))
    several = find_separator(distinct, requested=True)
    return [
        say('Some labels contain "{separator}" ({cells}). Each cell is read as one class; {flag} reads several.',
            separator=separator, cells=listing(some, 3), flag=MULTILABEL_FLAG) if separator == several
        else say('Some labels contain "{separator}" ({cells}). Each cell is read as one class. If it separates labels, '
                 'write "|" instead: with {flag} a bar always separates.', separator=separator,
                 cells=listing(some, 3), flag=MULTILABEL_FLAG)
        for separator, some in _cells_with_separator(distinct)
    ]  # fmt: skip


def _cells_with_separator(distinct: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The first separator that occurs, and the cells with it; empty where none does."""
    for separator in (*_CLEAR, _DOUBTFUL):
        some = [cell for cell in distinct if len(split_cell(cell, separator)) > 1]
        if some:
            return [(separator, some)]
    return []


def _read_lists(
    distinct: Sequence[str], parsed: Mapping[str, list[Any] | dict[Any, Any]], classes: Sequence[str]
) -> dict[str, Content]:
    """What the cells of a column of lists or records say; one without brackets is a name, or names of the lists."""
    contents = {cell: read_content(parsed[cell], classes) for cell in distinct if cell in parsed}
    names = {*classes} | {
        name for content in contents.values() if isinstance(content, list | dict) for name in content
    }
    for cell in distinct:
        if cell in contents:
            continue
        text, parts = cell.strip(), _split_into(cell, sorted(names))
        if text.startswith(("[", "{", "(")) or (not parts and _cells_with_separator([text])):
            contents[cell] = Unreadable(say("{cell} is not a list", cell=text[:80]))
        else:
            contents[cell] = parts or [text]
    return contents


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
    lone_marks = any(part in _JOINING for cell in cells for part in cell.split())  # "salt & sugar"
    doubtful = [_DOUBTFUL, " "] if requested and not lone_marks else [_DOUBTFUL]
    for separator in doubtful:
        if _parts_recur(cells, separator) and _most_parts_recur(cells, separator):
            return separator
    return " " if _are_joined_by_blanks(cells) else None


def _are_joined_by_blanks(cells: Sequence[str]) -> bool:
    """Whether cells are codes of several classes, such as `16 0`, beside single ones; or join names that stand alone.

    Numbers of equal count in all cells may be places or measures, and names such as "sea lion" need not be two.
    """
    parts = [cell.split() for cell in cells]
    several = [names for names in parts if len(names) > 1]
    if not several or len({*map(len, parts)}) < 2 or any(len({*names}) < len(names) for names in several):
        return False
    if all(name.isdecimal() for names in parts for name in names):
        return _most_parts_recur(cells, " ")
    alone = {names[0] for names in parts if len(names) == 1}
    return len(several) > 1 and all(name in alone for names in several for name in names)


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


def read_contents(
    cells: Cells, contents: Mapping[str, Content], notes: Sequence[str], classes: Sequence[str] = ()
) -> LabelRows:
    """The labels of cells that name what is present; a word for none that stands alone is no class.

    Args:
        cells: None: no label.
        contents: names in each cell, or why it can't be read; a cell without is one that says nothing.
        notes: how they were read, for the user.
        classes: that are absent where they are not named; none: all that any cell names.
    """
    names = {cell: content for cell, content in contents.items() if isinstance(content, list)}
    together = {name for row in names.values() if len(row) > 1 for name in row}
    alone = {row[0] for row in names.values() if len(row) == 1}
    nothing = sorted({name for name in alone if is_none_word(name)} - together - {*classes})
    present = [
        None if cell is None or cell not in names else [name for name in names[cell] if name not in nothing]
        for cell in cells
    ]
    messages = [*notes, *_describe_silent(cells, contents)]
    for word in nothing:
        count = sum(cell is not None and names.get(cell) == [word] for cell in cells)
        messages.append(say_count('"{name}" ({n} image) means none of the classes.',
                              '"{name}" ({n} images) means none of the classes.', count, name=word))  # fmt: skip
    return name_present(present, messages, classes, _find_unreadable(cells, contents))


def _describe_silent(cells: Cells, contents: Mapping[str, Content]) -> list[str]:
    """A note for each word that says nothing about an image."""
    count = Counter(cell.strip() for cell in cells if cell is not None and cell not in contents)
    return [say_count('"{name}" ({n} image) says nothing: no label.', '"{name}" ({n} images) says nothing: no label.',
                      n, name=word) for word, n in sorted(count.items())]  # fmt: skip


def _find_unreadable(cells: Cells, contents: Mapping[str, Content]) -> dict[int, str]:
    """The rows whose cell can't be read, and why."""
    faults = {cell: content.reason for cell, content in contents.items() if isinstance(content, Unreadable)}
    return {row: faults[cell] for row, cell in enumerate(cells) if cell is not None and cell in faults}


def _read_records(cells: Cells, contents: Mapping[str, Content]) -> LabelRows:
    """The labels of cells that say of each class whether it is present; a record without a known class is no label."""
    known: dict[str, dict[str, bool]] = {}
    for cell, content in contents.items():
        if isinstance(content, dict):
            known[cell] = {name: state for name, state in content.items() if state is not None}
        elif isinstance(content, list):
            known[cell] = dict.fromkeys(content, True)
    rows = [None if cell is None else known.get(cell) or None for cell in cells]
    names = sorted({name for labels in known.values() for name in labels})
    messages = _describe_silent(cells, contents)
    if any(len(labels) < len(names) for labels in known.values()):
        messages.insert(0, say("The labels say of each class whether it is present; a class that a cell does not name "
                               "is unknown."))  # fmt: skip
    return LabelRows(rows, names, False, messages, unreadable=_find_unreadable(cells, contents))
