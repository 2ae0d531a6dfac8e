"""Files that people upload: read once, then deleted."""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pupila.core.errors import PupilaError
from pupila.core.messages import say


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded."""

    name: str
    data: bytes


def check_upload(path: str, folder: Path) -> str:
    """The path of an uploaded file.

    Args:
        path: as a request names it.
        folder: of all uploads.

    Raises:
        PupilaError: no regular file below the folder.
    """
    try:
        inside = Path(path).resolve(strict=True).is_relative_to(folder.resolve())
        if inside and stat.S_ISREG(os.lstat(path).st_mode):
            return path
    except (OSError, ValueError, TypeError, RuntimeError):  # a NUL, no path, or links in a circle
        pass
    raise _gone()


def take(path: str) -> Upload:
    """The name and the bytes of an uploaded file, which is deleted.

    Raises:
        PupilaError: another visitor's request has deleted it, as files of one name and content have one path.
    """
    try:
        return read(path)
    finally:
        drop(path)


def read(path: str) -> Upload:
    """The name and the bytes of an uploaded file.

    Raises:
        PupilaError: see `take`.
    """
    file = Path(path)
    try:
        return Upload(file.name, file.read_bytes())
    except OSError:
        raise _gone() from None


def drop(path: str) -> None:
    """Delete an uploaded file and the folder that it has for itself."""
    file = Path(path)
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        file.parent.rmdir()


def _gone() -> PupilaError:
    return PupilaError(say("The file is no longer here"), remedy=say("choose it again"))
