"""A store of equal arrays in the cache folder: written in whole parts, mapped and not loaded, checked row by row."""

import contextlib
import json
import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila import files
from pupila.errors import PupilaError

Array = NDArray[Any]


class ArrayStore:
    """Arrays of one shape under text keys; a damaged row counts as missing.

    Args:
        kind: the folder below the cache folder, such as "features".
        version: everything that the rows depend on besides their key.
        shape: of one row.
        dtype: of one row, such as "float32".
    """

    def __init__(self, kind: str, version: str, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        told = json.dumps([version, list(shape), self.dtype.str])
        self.folder = files.cache_folder() / kind / files.sha256(told.encode())[:24]
        self._bytes = int(np.prod(shape)) * self.dtype.itemsize
        self._parts: list[tuple[Array, list[int]]] = []  # rows, and their checksums
        self._places: dict[str, list[tuple[int, int]]] = {}  # key -> part, row; the last counts
        self._sound: set[str] = set()  # keys whose checksum was compared
        for path in sorted(self.folder.glob("*.rows")):
            self._open(path)

    def __contains__(self, key: str) -> bool:
        return key in self._places and self._is_sound(key)

    def missing(self, keys: list[str]) -> list[str]:
        """The keys, each once and in order, that have no sound row."""
        return [key for key in dict.fromkeys(keys) if key not in self]

    def rows(self, keys: list[str]) -> Array:
        """(K, *shape): the rows of the keys.

        Raises:
            KeyError: a key without a sound row.
        """
        out = np.empty((len(keys), *self.shape), dtype=self.dtype)
        for i, key in enumerate(keys):
            if key not in self:
                raise KeyError(key)
            part, row = self._places[key][-1]
            out[i] = self._parts[part][0][row]
        return out

    def add(self, keys: list[str], rows: Array) -> None:
        """Save (K, *shape) rows under K keys as one part; a cache that can't be written to keeps them in memory."""
        rows = np.ascontiguousarray(rows, dtype=self.dtype)
        sums = [_checksum(key, row) for key, row in zip(keys, rows, strict=True)]
        head = json.dumps({"keys": keys, "sums": sums}).encode()
        path = self.folder / f"{uuid.uuid4().hex}.rows"
        try:
            files.write_bytes(str(path), len(head).to_bytes(8, "little") + head + rows.tobytes())
        except PupilaError:
            self._take(keys, sums, rows)
        else:
            self._open(path)

    def _open(self, path: Path) -> None:
        """Map one part; a damaged head or a short file makes it be forgotten."""
        try:
            with path.open("rb") as stream:
                length = int.from_bytes(stream.read(8), "little")
                head = json.loads(stream.read(min(length, path.stat().st_size)))
            keys, sums = list(head["keys"]), list(head["sums"])
            if len(keys) != len(sums):
                raise ValueError("damaged head")
            shape = (len(keys), *self.shape)
            rows = np.memmap(path, self.dtype, "r", offset=8 + length, shape=shape)
        except (OSError, ValueError, KeyError, TypeError):
            with contextlib.suppress(OSError):  # where it may not be deleted it is passed over each time
                files.remove(str(path))
            return
        self._take(keys, sums, rows)

    def _take(self, keys: list[str], sums: list[int], rows: Array) -> None:
        for row, key in enumerate(keys):
            self._places.setdefault(key, []).append((len(self._parts), row))
        self._sound.difference_update(keys)
        self._parts.append((rows, sums))

    def _is_sound(self, key: str) -> bool:
        if key in self._sound:
            return True
        places = self._places[key]
        while places:  # a damaged row may have been made again in another part
            part, row = places[-1]
            rows, sums = self._parts[part]
            if _checksum(key, rows[row]) == sums[row]:
                self._sound.add(key)
                return True
            places.pop()
        del self._places[key]
        return False


def _checksum(key: str, row: Array) -> int:
    """Of the row and its key, for a damaged key would lend the row to another."""
    return zlib.crc32(row.tobytes(), zlib.crc32(key.encode()))
