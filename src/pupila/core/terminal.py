"""What is printed: control characters of names and of others' texts reach no terminal, they are shown instead."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from pupila.core.messages import escape_controls


class _EscapedStream:
    """A text stream that shows control characters as escapes; all but writing is left to the stream below."""

    def __init__(self, below: Any) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write the text; its line breaks stay, and a first carriage return, with which bars begin."""
        start = "\r" if text.startswith("\r") else ""
        self.below.write(start + escape_controls(text[len(start) :], keep="\n"))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write the lines, see `write`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


@contextmanager
def escaped_output() -> Iterator[None]:
    """Within it nothing that is printed controls the terminal, whoever prints it: sys.stdout and sys.stderr escape."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _escape(sys.stdout), _escape(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def raw_stream(stream: TextIO) -> TextIO:
    """The stream without escaping, for colours and bars of our own; their texts are escaped before."""
    return raw_stream(stream.below) if isinstance(stream, _EscapedStream) else stream


def _escape(stream: TextIO) -> TextIO:
    return (
        stream
        if isinstance(stream, _EscapedStream) or stream is None
        else cast("TextIO", _EscapedStream(stream))
    )
