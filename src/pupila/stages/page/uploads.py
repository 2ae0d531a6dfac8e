"""Files that people upload: read once, then deleted."""

import contextlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded."""

    name: str
    data: bytes


def take(path: str) -> Upload:
    """The name and the bytes of an uploaded file, which is deleted."""
    try:
        return read(path)
    finally:
        drop(path)


def read(path: str) -> Upload:
    """The name and the bytes of an uploaded file."""
    file = Path(path)
    return Upload(file.name, file.read_bytes())


def drop(path: str) -> None:
    """Delete an uploaded file and the folder that it has for itself."""
    file = Path(path)
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        file.parent.rmdir()
