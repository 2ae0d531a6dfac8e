"""Cells that say whether an image shows a class: yes, no, or nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pupila.core.vocabulary import ABSENT_WORDS, PRESENT_WORDS, UNKNOWN_WORDS

MINUS = ("-1", "-1.0")  # uncertain where 0 is absent, as CheXpert has it; absent where there is no 0 (CelebA)
_CROSS = "x"  # a mark, as is any sign that is no letter and no digit
_MOST_ODD = 0.2  # share of cells with other values, up to which a column looks like a class all the same
_WHOLE = re.compile(r"(-?1|0)[.,]0*")  # 1.00, or 1,0 where a comma is the decimal point


@dataclass(frozen=True, slots=True)
class YesNoColumn:
    """The cells of a column, read as yes, no or unknown."""

    name: str
    cells: tuple[str, ...]  # lower case, without blanks around them; "" for an empty one
    mark: str = ""  # what means present, where an empty cell means absent

    @property
    def odd(self) -> list[str]:
        """Distinct cells that are neither yes nor no nor unknown, in order."""
        if self.mark:
            return []
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

    @property
    def holds_two_words(self) -> bool:
        """Whether it holds at most two words, which are no yes and no that Pupila knows."""
        return bool(self.odd) and len({*self.cells} - UNKNOWN_WORDS) <= 2 < len(self.cells)

    @property
    def has_minus(self) -> bool:
        """Whether some cell is -1."""
        return not {*MINUS}.isdisjoint(self.cells)

    @property
    def has_absent(self) -> bool:
        """Whether some cell says no in words or as 0."""
        return not ABSENT_WORDS.isdisjoint(self.cells)

    def read(self, minus: bool | None) -> list[bool | None]:
        """Whether each cell says present; None: unknown.

        Args:
            minus: the meaning of -1.
        """
        if self.mark:
            return [cell == self.mark for cell in self.cells]
        meaning = {cell: _read_cell(cell, minus) for cell in set(self.cells)}
        return [meaning[cell] for cell in self.cells]


def yes_no_column(cells: pl.Series, marks: bool = False) -> YesNoColumn:
    """The column of texts, ready to be read.

    Args:
        cells: texts.
        marks: whether a column of nothing but one mark and empty cells says that a class is present or absent.
    """
    texts = cells.to_list()  # plain Python, as a table may have thousands of columns
    words = {text: (text or "").strip().lower() for text in {*texts}}
    whole = {text: match[1] if (match := _WHOLE.fullmatch(word)) else word for text, word in words.items()}
    return YesNoColumn(
        cells.name,
        tuple(whole[text] for text in texts),
        _find_mark({*words.values()} - {""}) if marks else "",
    )


def _find_mark(words: set[str]) -> str:
    """The mark, such as x, that alone stands in a column beside empty cells; empty for any other column."""
    mark = words.pop() if len(words) == 1 else ""
    is_sign = len(mark) == 1 and not mark.isalnum() and mark not in UNKNOWN_WORDS
    return mark if is_sign or mark == _CROSS else ""


def minus_is_absent(columns: Sequence[YesNoColumn]) -> bool:
    """Whether -1 means absent: no column says with 0 that a class is absent, and with -1 something else."""
    return any(column.has_minus for column in columns) and not any(
        column.has_minus and column.has_absent for column in columns
    )


def _is_known_word(cell: str) -> bool:
    return cell in PRESENT_WORDS or cell in ABSENT_WORDS or cell in UNKNOWN_WORDS or cell in MINUS


def _read_cell(cell: str, minus: bool | None) -> bool | None:
    if cell in MINUS:
        return minus
    return True if cell in PRESENT_WORDS else False if cell in ABSENT_WORDS else None
