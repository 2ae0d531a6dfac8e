"""Text tables in the encodings, separators and line ends that spreadsheets write."""

import re
from dataclasses import dataclass

from pupila.artifacts.dataset.formats.tables.encodings import DecodedText, decode

LIST_SUFFIXES = (".txt", ".lst")
_QUOTED = re.compile(r'"[^"\n]*"')
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # the first line that tells Excel what separates the cells
_MARKS = ",;\t|"
_LINES = 20  # that are compared


@dataclass(frozen=True, slots=True)
class TextTable:
    """The text of a table from its header on."""

    text: str  # lines end in \\n
    separator: str
    skipped: int  # lines above the header
    remarks: int  # those of them with a title or a comment
    decoded: DecodedText


def decode_text(data: bytes) -> str:
    """The text of a file in whatever encoding it is."""
    return decode(data).text


def list_lines(data: bytes) -> list[str]:
    """The lines of a text file in whatever encoding, without blanks at their ends and without empty lines."""
    return [line for raw in _unify_ends(decode_text(data)).split("\n") if (line := raw.strip())]


def _unify_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_text_table(data: bytes) -> TextTable:
    """The table in the bytes of a text file.

    Raises:
        PupilaError: it mixes two encodings.
    """
    decoded = decode(data)
    text = _unify_ends(decoded.text)
    lines = text.split("\n", 2 * _LINES)
    skipped, remarks, stated = 0, 0, ""
    while skipped < len(lines) - 1 and not lines[skipped].strip():
        skipped += 1
    if match := _SEP.fullmatch(lines[skipped].strip(" \ufeff")):
        stated = match[1]
        skipped += 1
    elif lines[skipped].strip().lower() == "sep=":  # a tab that was stripped
        stated, skipped = "\t", skipped + 1
    while skipped < len(lines) - 1 and (not lines[skipped].strip() or _is_remark(lines[skipped:])):
        remarks += bool(lines[skipped].strip())
        skipped += 1
    header = "\n".join(lines[skipped:])
    if _is_remark_header(header):
        header = header[1:].lstrip()
    return TextTable(header, stated or detect_separator(header), skipped, remarks, decoded)


def _is_remark(lines: list[str]) -> bool:
    """Whether the first line is a comment or a title: it has fewer cells than the lines below, which agree."""
    below = [line for line in lines[1:_LINES] if line.strip() and not line.startswith("#")][:3]
    counts = {mark: {_count(line, mark) for line in below} for mark in _MARKS}
    agreed = [mark for mark, count in counts.items() if len(count) == 1 and max(count) > 0]
    if not agreed or len(below) < 2:
        return False
    first = [_count(lines[0], mark) for mark in agreed]
    return not any(first) or (
        lines[0].startswith("#")
        and all(n != max(counts[mark]) for n, mark in zip(first, agreed, strict=True))
    )


def _is_remark_header(text: str) -> bool:
    """Whether the header has the sign of a comment before it, as numpy writes it: `# image,label`."""
    return re.match(r"#\s+\w", text) is not None


def _count(line: str, mark: str) -> int:
    return _without_quoted(line).count(mark)


def _without_quoted(line: str) -> str:
    """The line without quoted cells; most lines have none, and one may be as long as a file."""
    return _QUOTED.sub("", line) if '"' in line else line


def detect_separator(text: str) -> str:
    """Comma, semicolon, tab or bar: the most frequent one in the first line, then the one that the others repeat."""
    lines = [_without_quoted(line) for line in text.split("\n", _LINES)[:_LINES]]
    header, rows = lines[0], [line for line in lines[1:] if line.strip()][:-1] or lines[1:2]
    comma_separates = any("," in re.sub(r"\d,\d", "", line) for line in (header, *rows) if "," in line)

    def rank(mark: str) -> tuple[bool, int, int]:
        count = header.count(mark)
        return (
            count > 0 and (mark != "," or comma_separates),
            count,
            sum(line.count(mark) == count for line in rows),
        )

    return max(_MARKS, key=rank)
