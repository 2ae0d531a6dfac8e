"""Columns of a table by their names: which of them are images, masks, labels, groups and splits."""

import polars as pl

from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS, MASK, read_any_table
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IMAGE_SUFFIXES


def read_columns(table: str) -> pl.DataFrame:
    """The table; without a column for a file that is none."""
    try:
        return read_any_table(table).frame
    except PupilaError:
        return pl.DataFrame()


def find_roles(frame: pl.DataFrame) -> dict[str, str]:
    """Our name -> the column of the table; a class beside a mask stays the user's column."""
    lower: dict[str, str] = {}
    for name in frame.columns:
        lower.setdefault(name.lower(), name)
    roles: dict[str, str] = {}
    for ours, words in COLUMN_WORDS.items():
        theirs = next((lower[word] for word in words if word in lower), None)
        if (
            theirs is None
            or theirs in roles.values()
            or (ours == MASK and not _holds_file_names(frame[theirs]))
        ):
            continue
        if ours != "target" or MASK not in roles:
            roles[ours] = theirs
    return roles


def _holds_file_names(column: pl.Series) -> bool:
    """Whether most cells have an image extension: a column `mask` may also say who wears one."""
    cells = column.drop_nulls()
    return 2 * sum(files.suffix(cell.strip()) in IMAGE_SUFFIXES for cell in cells) > len(cells)
