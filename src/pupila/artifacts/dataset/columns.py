"""The columns of a data set's tables, and the schema versions of their files."""

import io
from pathlib import Path

import polars as pl

from pupila.core import checksums, files
from pupila.core.errors import PupilaError
from pupila.core.installation import upgrade_command
from pupila.core.messages import say

# What polars raises for a damaged file, panics included.
UNREADABLE = (KeyError, ValueError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
Schema = dict[str, type[pl.DataType]]  # column to the type of its values


def read_cached_frame(path: Path) -> pl.DataFrame | None:
    """A Parquet file of the cache; None where there is none, or a damaged one, which is reported."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        if not checksums.is_damaged(content):
            return pl.read_parquet(io.BytesIO(content))
    except UNREADABLE:
        pass
    files.drop_damaged_cache(path)
    return None


def first_line(fault: BaseException) -> str:
    """What a library says, in one line."""
    return next(iter(str(fault).splitlines()), "") or type(fault).__name__


def refuse_newer_schema(uri: str, version: int, known: int) -> None:
    """Refuse a file that a later Pupila wrote.

    Args:
        uri: of the file.
        version: of its schema.
        known: the version that this Pupila writes.

    Raises:
        PupilaError: the file is newer.
    """
    if version > known:
        raise PupilaError(
            say("{path} was written by a newer Pupila", path=uri), actual=f"schema {version}",
            expected=f"schema {known}", remedy=upgrade_command(),
        )  # fmt: skip
