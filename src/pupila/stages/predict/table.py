"""A table on disk that grows line by line and bears its name only when it is whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pupila.core import files


@contextmanager
def writing(path: str | None, header: str) -> Iterator[Callable[[str], object]]:
    """What writes one line after the other; without a path the lines go nowhere.

    Raises:
        PupilaError: the file can't be written.
    """
    if path is None:
        yield lambda line: None
        return
    with files.growing(path) as part, part.open("w", encoding="utf-8") as stream:
        stream.write(header + "\n")
        yield lambda line: stream.write(line + "\n")
