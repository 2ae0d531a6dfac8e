"""The one writer of CSV: a spreadsheet shows a name that begins like a formula, and never runs it."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# What spreadsheets take for the start of a formula, or skip before one (OWASP, CSV injection); apostrophes before it
# count, so that every name is read back as it was.
FORMULA = "[=+\\-@\t\r\n＝＋－＠]"
_FORMULA = re.compile(f"'*{FORMULA}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def csv_line(cells: Sequence[object]) -> str:
    """The cells as a line of CSV without its end; a text that begins like a formula gets an apostrophe before it.

    Numbers stay: they are no formulas. Half a character, as the name of a file on an old disk may hold, is written as
    its number (a backslash and `udcff`), for no UTF-8 can hold it.
    """
    text = io.StringIO()
    # Python puts quotes around a character of the line's end only: both kinds of break may stand in a name.
    csv.writer(text, lineterminator="\r\n").writerow([_quote(cell) for cell in cells])
    line = text.getvalue().removesuffix("\r\n")
    return line if line.isascii() else line.encode(errors="backslashreplace").decode()


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """The rows as CSV, see `csv_line`."""
    return "".join(csv_line(row) + "\n" for row in rows)


def _quote(cell: object) -> object:
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
