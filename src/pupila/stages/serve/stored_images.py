"""The image files that a service stores beside its log: a share of them, drawn at random, up to a size."""

import logging
from collections import OrderedDict
from pathlib import Path

from pupila.artifacts.predictions.log import IMAGES_FOLDER
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.signatures import find_suffix

_log = logging.getLogger("uvicorn.error")
_DIGITS = 8  # of the end of a SHA-256, which draw: an image that comes again is drawn again


class StoredImages:
    """The files.

    Args:
        folder: of the log.
        share: of the images, 0..1.
        most_bytes: of all files together; above it the oldest ones are deleted.
    """

    def __init__(self, folder: str, share: float, most_bytes: int) -> None:
        self._folder, self._share, self._most_bytes = Path(folder) / IMAGES_FOLDER, share, most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()  # bytes by name, the oldest first
        self._failing = False
        try:
            present = [(file.stat().st_mtime, file) for file in self._folder.iterdir() if file.is_file()]
        except OSError:  # no folder yet
            present = []
        for _, file in sorted(present):
            self._sizes[file.name] = file.stat().st_size
        self._bytes = sum(self._sizes.values())

    def takes(self, digest: str) -> bool:
        """Whether the image of this SHA-256 is drawn."""
        return int(digest[-_DIGITS:], 16) / float(16**_DIGITS) < self._share

    def store(self, digest: str, content: bytes) -> str:
        """Write a file, and return its path beside the log; empty where that fails, which is reported once."""
        name = f"{digest}{find_suffix(content)}"
        path = f"{IMAGES_FOLDER}/{name}"
        if name in self._sizes and (self._folder / name).is_file():
            return path
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
