"""Cells that say whether an image shows a class: yes, no, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pupila.core.vocabulary import ABSENT_WORDS, PRESENT_WORDS, UNKNOWN_WORDS

MINUS = ("-1", "-1.0")  # uncertain where 0 is absent, as CheXpert has it; absent where there is no 0 (CelebA)
_MOST_ODD = 0.2  # share of cells with other values, up to which a column looks like a class all the same


@dataclass(frozen=True, slots=True)
class YesNoColumn:
    """The cells of a column, read as yes, no or unknown."""

    name: str
    cells: tuple[str, ...]  # lower case, without blanks around them; "" for an empty one

    @property
    def odd(self) -> list[str]:
        """Distinct cells that are neither yes nor no nor unknown, in order."""
        return [cell for cell in dict.fromkeys(self.cells) if not _is_known_word(cell)]

    @property
    def is_class(self) -> bool:
        """Whether every cell says yes, no or nothing, and not all say nothing."""
        return not self.odd and any(cell not in UNKNOWN_WORDS for cell in set(self.cells))

    @property
    def resembles_class(self) -> bool:
        """Whether it would be a class without a few odd cells."""
        stated = [cell for cell in self.cells if cell not in UNKNOWN_WORDS]
        known = sum(cell in PRESENT_WORDS | ABSENT_WORDS for cell in stated)
        return bool(self.odd) and len(stated) - known <= _MOST_ODD * len(stated)

    def read(self, minus: bool | None) -> list[bool | None]:
        """Whether each cell says present; None: unknown.

        Args:
            minus: the meaning of -1.
        """
        meaning = {cell: _read_cell(cell, minus) for cell in set(self.cells)}
        return [meaning[cell] for cell in self.cells]


def yes_no_column(cells: pl.Series) -> YesNoColumn:
    """The column of texts, ready to be read."""
    words = cells.str.strip_chars().str.to_lowercase().fill_null("")
    return YesNoColumn(cells.name, tuple(words.to_list()))


def minus_is_absent(columns: Sequence[YesNoColumn]) -> bool:
    """Whether -1 means absent: the cells are 1 and -1 alone, without 0 and without blanks."""
    words = {cell for column in columns for cell in column.cells}
    return bool(words & {*MINUS}) and words <= {"1", "1.0", *MINUS}


def _is_known_word(cell: str) -> bool:
    return cell in PRESENT_WORDS or cell in ABSENT_WORDS or cell in UNKNOWN_WORDS or cell in MINUS


def _read_cell(cell: str, minus: bool | None) -> bool | None:
    if cell in MINUS:
        return minus
    return True if cell in PRESENT_WORDS else False if cell in ABSENT_WORDS else None
