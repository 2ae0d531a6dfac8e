"""A table on disk that is written line by line and gets its name only when it is complete."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pupila.core import files


@contextmanager
def open_table(path: str | None, header: str) -> Iterator[Callable[[str], object]]:
    """A function that writes one line; without a path it does nothing.

    Raises:
        PupilaError: the file can't be written.
    """
    if path is None:
        yield lambda line: None
        return
    with files.atomic_path(path) as part, part.open("w", encoding="utf-8") as stream:
        stream.write(header + "\n")
        yield lambda line: stream.write(line + "\n")
