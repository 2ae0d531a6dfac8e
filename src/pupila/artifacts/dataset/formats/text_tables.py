"""Text tables in the encodings and separators that spreadsheets write."""

import codecs
import re

_QUOTED = re.compile(r'"[^"\n]*"')


def decode_text(data: bytes) -> str:
    """The text of a file in UTF-16 where its first bytes say so, in UTF-8, or else in Latin-1."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def detect_separator(text: str) -> str:
    """Comma, semicolon, tab or bar: the most frequent one in the first line, then the one that the second repeats."""
    lines = [_QUOTED.sub("", line) for line in text.split("\n", 2)[:2]]
    header, second = lines[0], lines[-1]
    return max(",;\t|", key=lambda mark: (header.count(mark), header.count(mark) == second.count(mark)))
