"""Tables with one column per class: 1 or 0, yes or no, or an empty cell where nobody knows."""

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED
from pupila.artifacts.dataset.labelling.cells import MINUS, YesNoColumn, minus_is_absent, yes_no_column
from pupila.artifacts.dataset.labelling.label_rows import Known, LabelRows
from pupila.core.messages import integer, listing, say, say_count

# Columns of yes and no that are no classes: row numbers and parts of the data, as pandas, fastai and Kaggle write them.
_OTHER = {"", "id", "index", "unnamed: 0", "fold", "kfold", "is_valid", "is_test", "is_train", "subfolder"}


def find_class_columns(rows: pl.DataFrame) -> LabelRows | None:
    """The labels in the columns that say yes, no or nothing; None where there is no such column.

    Args:
        rows: a table, with our names for the columns that we know, all others being text.
    """
    columns = class_columns(rows)
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


def class_columns(rows: pl.DataFrame) -> list[YesNoColumn]:
    """The columns of the table that say yes, no or nothing."""
    return [column for column in _other_columns(rows) if column.is_class]


def _other_columns(rows: pl.DataFrame) -> list[YesNoColumn]:
    return [
        yes_no_column(rows[name])
        for name, kind in rows.schema.items()
        if kind == pl.String and name not in LISTED and name.strip().lower() not in _OTHER
    ]


def _notes(
    rows: pl.DataFrame, columns: list[YesNoColumn], names: list[str], minus: bool | None, unknown: int
) -> list[str]:
    notes = [say_count("{n} column says whether an image shows a class: {names}.",
                       "{n} columns say whether an image shows a class: {names}.", len(names),
                       names=listing(names, 8))]  # fmt: skip
    signs = sum(cell in MINUS for column in columns for cell in column.cells)
    if minus is False:
        notes.append(say("Their cells are 1 or -1, without 0 and without empty cells: -1 means absent."))
    elif signs:
        notes.append(say_count("{n} cell is -1, which means uncertain: the class is unknown there.",
                               "{n} cells are -1, which means uncertain: the class is unknown there.",
                               signs))  # fmt: skip
    if unknown > (0 if minus is False else signs):
        notes.append(say("{unknown} of {all} cells are empty or say nothing: the class is unknown there.",
                         unknown=integer(unknown - signs), all=integer(len(names) * len(rows))))  # fmt: skip
    odd = [column for column in _other_columns(rows) if column.resembles_class]
    notes += [
        say("The column {name} is not a class: {cells} is neither yes nor no. It stays a column of yours.",
            name=column.name, cells=listing([f'"{cell}"' for cell in column.odd], 3))
        for column in odd
    ]  # fmt: skip
    left = [name for name in rows.columns
            if name not in {*LISTED, *names, *(column.name for column in odd), "subfolder"}]  # fmt: skip
    if left:
        notes.append(say("Other columns stay yours: {names}.", names=listing(left, 8)))
    return notes
