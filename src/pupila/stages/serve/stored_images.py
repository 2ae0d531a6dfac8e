"""The image files that a service stores beside its log: a share of them, drawn at random, up to a size."""

import logging
import os
import secrets
from collections import OrderedDict
from pathlib import Path

from pupila.artifacts.predictions.log import IMAGES_FOLDER
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.writing import write_error
from pupila.imaging.images.signatures import find_suffix

_log = logging.getLogger("uvicorn.error")
_SALT_FILE, _SALT_BYTES = ".salt", 32  # secret, so that no client can tell which of its images are drawn
_DIGITS = 8  # of a SHA-256 over salt and hash, which draw: an image that comes again is drawn again


class StoredImages:
    """The files.

    Args:
        folder: of the log.
        share: of the images, 0..1.
        most_bytes: of all files together; above it the oldest ones are deleted, and a larger file is not stored.

    Raises:
        PupilaError: the folder can't be written.
    """

    def __init__(self, folder: str, share: float, most_bytes: int) -> None:
        self._folder, self._share, self._most_bytes = Path(folder) / IMAGES_FOLDER, share, most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()  # bytes by name, the oldest first
        self._failing = False
        self._salt = _open_salt(self._folder / _SALT_FILE)
        try:
            present = [(file.stat().st_mtime, file) for file in self._folder.iterdir()
                       if file.is_file() and file.name != _SALT_FILE]  # fmt: skip
        except OSError as fault:
            raise write_error(str(self._folder), fault, say("a writable folder")) from fault
        for _, file in sorted(present):
            self._sizes[file.name] = file.stat().st_size
        self._bytes = sum(self._sizes.values())

    def takes(self, digest: str) -> bool:
        """Whether the image of this SHA-256 is drawn."""
        drawn = files.sha256(self._salt + digest.encode())
        return int(drawn[:_DIGITS], 16) / float(16**_DIGITS) < self._share

    def store(self, digest: str, content: bytes) -> str:
        """Write a file, and return its path beside the log.

        Empty where it is larger than all may be together, or writing fails, which is reported once.
        """
        name = f"{digest}{find_suffix(content)}"
        path = f"{IMAGES_FOLDER}/{name}"
        if name in self._sizes and (self._folder / name).is_file():
            return path
        if len(content) > self._most_bytes:
            return ""
        try:
            self._make_room(len(content))
            files.write_bytes(str(self._folder / name), content)
        except (OSError, PupilaError) as fault:
            if not self._failing:
                _log.error(say("Can't store images in {path}: {reason}", path=self._folder, reason=fault))
            self._failing = True
            return ""
        self._failing = False
        self._sizes[name] = len(content)
        self._bytes += len(content)
        return path

    def _make_room(self, size: int) -> None:
        while self._sizes and self._bytes + size > self._most_bytes:
            name, freed = self._sizes.popitem(last=False)
            (self._folder / name).unlink(missing_ok=True)
            self._bytes -= freed


def _open_salt(file: Path) -> bytes:
    """The secret of the folder; drawn once, and read by its owner alone.

    Raises:
        PupilaError: it can't be read, or written.
    """
    try:
        salt = file.read_bytes() if file.exists() else b""
        if len(salt) != _SALT_BYTES:
            salt = secrets.token_bytes(_SALT_BYTES)
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(salt)
    except OSError as fault:
        raise write_error(str(file), fault, say("a writable folder")) from fault
    return salt
