"""The columns of a data set's tables, and the schema versions of their files."""

import polars as pl

from pupila.core.errors import PupilaError
from pupila.core.installation import upgrade_command
from pupila.core.messages import say

Schema = dict[str, type[pl.DataType]]  # column to the type of its values


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
