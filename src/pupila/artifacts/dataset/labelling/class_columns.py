"""Tables with one column per class: 1 or 0, yes or no, or an empty cell where nobody knows."""

import re
from dataclasses import replace

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED
from pupila.artifacts.dataset.labelling.cells import YesNoColumn, minus_is_absent, yes_no_column
from pupila.artifacts.dataset.labelling.label_rows import MULTILABEL_FLAG, Known, LabelRows
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count
from pupila.tasks.multilabel import MULTILABEL

# Columns of yes and no that are no classes: row numbers and parts of the data, as pandas, fastai and Kaggle write them,
# and what people note of their work.
_OTHER = re.compile(
    r"|index|unnamed: 0|k?fold|subfolder|((is|in|for)[_ ])?(train(ing)?|val|valid|validation|test(ing)?|holdout)"
    r"|((is|was)[_ ])?(reviewed|checked|verified|approved|validated|labelled|labeled|annotated|done)"
    r"|(.*[_ ])?(id|number)|patient|subject"
)


def find_class_columns(rows: pl.DataFrame, several: bool) -> LabelRows | None:
    """The labels in the columns that say yes, no or nothing; None where there is no such column.

    Args:
        rows: a table, with our names for the columns that we know, all others being text.
        several: whether the user says that images have several labels; else one column alone is no class.
    """
    columns = class_columns(rows, several)
    if not columns or (not several and is_alone(rows)):
        return None
    minus = False if minus_is_absent(columns) else None
    read = {column.name: column.read(minus) for column in columns}
    read = {name: cells for name, cells in read.items() if any(cell is not None for cell in cells)}
    if not read:
        return None
    names = sorted(read)
    labels: list[Known | None] = [
        {name: shown for name, shown in zip(read, row, strict=True) if shown is not None} or None
        for row in zip(*read.values(), strict=True)
    ]
    unknown = sum(cell is None for cells in read.values() for cell in cells)
    notes = _notes(rows, columns, list(read), minus, unknown)
    return LabelRows(labels, names, False, notes, tuple(read))


def class_columns(rows: pl.DataFrame, several: bool) -> list[YesNoColumn]:
    """The columns of the table that say yes, no or nothing.

    Args:
        rows: see above.
        several: see above.
    """
    return [column for column in _candidates(rows, several) if column.is_class]


def is_alone(rows: pl.DataFrame) -> bool:
    """Whether at most one column of the table is a class, or nearly one."""
    return sum(column.is_class or column.resembles_class for column in _candidates(rows, several=False)) < 2


def describe_lone_column(rows: pl.DataFrame) -> list[str]:
    """A note where one column alone says yes or no, which may be about anything."""
    return [
        say("The column {name} says yes or no, which may be about anything: it stays a column of yours. {flag} reads "
            "it as a class.", name=column.name, flag=MULTILABEL_FLAG)
        for column in class_columns(rows, several=False)
    ]  # fmt: skip


def refuse_unread_columns(rows: pl.DataFrame) -> PupilaError | None:
    """The error where several labels are requested, and columns that may hold them can't be read; None if none may.

    Args:
        rows: see above; without a label.
    """
    odd = [
        column
        for column in _candidates(rows, several=True)
        if column.resembles_class or column.holds_two_words
    ]
    if not odd:
        return None
    cells = [listing([f'"{cell}"' for cell in column.odd], 3) for column in odd]
    shown = [f"{column.name} ({odd_cells})" for column, odd_cells in zip(odd, cells, strict=True)]
    return PupilaError(
        say("No column can be read as labels"), actual=listing(shown, 8),
        expected=say("a column per class with 1 and 0, or yes and no"),
        remedy=say("replace these cells, or leave out {flag}", flag=f"--task {MULTILABEL.name}"),
    )  # fmt: skip


def _candidates(rows: pl.DataFrame, several: bool) -> list[YesNoColumn]:
    """The columns that may be classes by their names; marks count where several columns hold them, or are sought."""
    columns = [yes_no_column(rows[name], marks=True) for name in _own_columns(rows) if not _is_other(name)]
    if several or sum(bool(column.mark) for column in columns) > 1:
        return columns
    return [replace(column, mark="") for column in columns]


def _own_columns(rows: pl.DataFrame) -> list[str]:
    return [name for name, kind in rows.schema.items() if kind == pl.String and name not in LISTED]


def _is_other(name: str) -> bool:
    return _OTHER.fullmatch(name.strip().lower()) is not None


def _notes(
    rows: pl.DataFrame, columns: list[YesNoColumn], names: list[str], minus: bool | None, unknown: int
) -> list[str]:
    notes = [say_count("{n} column says whether an image shows a class: {names}.",
                       "{n} columns say whether an image shows a class: {names}.", len(names),
                       names=listing(names, 8))]  # fmt: skip
    if marked := [column for column in columns if column.mark]:
        notes.append(say('In {names} "{mark}" means present and an empty cell absent.',
                         names=listing([column.name for column in marked], 8), mark=marked[0].mark))  # fmt: skip
    signs = sum(column.cells.count("-1") for column in columns)
    with_signs = listing([column.name for column in columns if column.has_minus], 8)
    if minus is False:
        notes.append(say("The cells of {names} are 1 or -1, without 0: -1 means absent.", names=with_signs))
    elif signs:
        notes.append(say_count("{n} cell is -1, which means uncertain: the class is unknown there.",
                               "{n} cells are -1, which means uncertain: the class is unknown there.",
                               signs))  # fmt: skip
    silent = unknown - (0 if minus is False else signs)
    if silent > 0:
        notes.append(say("{unknown} of {all} cells are empty or say nothing: the class is unknown there.",
                         unknown=integer(silent), all=integer(len(names) * len(rows))))  # fmt: skip
    candidates = _candidates(rows, several=False)
    odd = [column for column in candidates if column.resembles_class and column.name not in names]
    notes += [
        say("The column {name} is not a class: {cells} is neither yes nor no. It stays a column of yours.",
            name=column.name, cells=listing([f'"{cell}"' for cell in column.odd], 3))
        for column in odd
    ]  # fmt: skip
    others = [name for name in _own_columns(rows)
              if _is_other(name) and name not in ("", "subfolder") and yes_no_column(rows[name]).is_class]  # fmt: skip
    if others:
        notes.append(say("By their names these columns of yes and no are no classes and stay yours: {names}. Rename "
                         "one that is a class.", names=listing(others, 8)))  # fmt: skip
    left = [name for name in rows.columns
            if name not in {*LISTED, *names, *others, *(column.name for column in odd), "subfolder"}]  # fmt: skip
    if left:
        notes.append(say("Other columns stay yours: {names}.", names=listing(left, 8)))
    return notes
