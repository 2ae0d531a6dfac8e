"""Columns that number the folds of a cross-validation: `fold` with 0, 1, 2."""

import re

import polars as pl

_NAME = re.compile(r"(k|cv|test|val)?[ _-]?(fold|pliegue)s?([ _-]?(id|nr|no|number))?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.0)?")
MOST_FOLDS = 50


def read_folds(cells: pl.Series) -> pl.Series | None:
    """The number of the fold of each cell, null for a blank one; None where the column numbers no folds.

    Args:
        cells: of a column, texts or numbers.
    """
    if not _NAME.fullmatch(cells.name):
        return None
    texts = cells.cast(pl.String).str.strip_chars().replace("", None)
    distinct = texts.drop_nulls().unique().to_list()
    if not 1 < len(distinct) <= MOST_FOLDS or not all(_NUMBER.fullmatch(text) for text in distinct):
        return None
    return texts.cast(pl.Float64).cast(pl.Int64)


def find_fold_columns(table: pl.DataFrame) -> dict[str, pl.Series]:
    """The columns that number folds, by name."""
    return {name: folds for name in table.columns if (folds := read_folds(table[name])) is not None}
