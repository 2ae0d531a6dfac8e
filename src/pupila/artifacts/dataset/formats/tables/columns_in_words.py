"""Columns in sentences, those of tables without a header among them."""

import re

from pupila.core.messages import say

_NUMBERED = re.compile(r"column \d+")


def is_numbered(name: str) -> bool:
    """Whether the name stands for a column of a table without a header."""
    return _NUMBERED.fullmatch(name) is not None


def describe_column(name: str) -> str:
    """The column within a sentence: "the column kind", or "column 2" where the table has no header."""
    return name if is_numbered(name) else say("the column {name}", name=name)
