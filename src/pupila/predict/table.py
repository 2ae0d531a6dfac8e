"""A table on disk that grows line by line and bears its name only when it is whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pupila.errors import PupilaError
from pupila.messages import say


@contextmanager
def writing(path: str | None, header: str) -> Iterator[Callable[[str], object]]:
    """What writes one line after the other; without a path the lines go nowhere.

    Raises:
        PupilaError: the file can't be written.
    """
    if path is None:
        yield lambda line: None
        return
    part = Path(f"{path}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as stream:
            stream.write(header + "\n")
            yield lambda line: stream.write(line + "\n")
        part.replace(path)
    except OSError as fault:
        raise PupilaError(say("Can't write {path}", path=path), found=fault.strerror or str(fault)) from fault
