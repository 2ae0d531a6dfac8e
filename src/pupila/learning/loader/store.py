"""A store of equal arrays in the cache folder: written in whole parts, mapped and not loaded, checked row by row."""

import contextlib
import json
import sys
import threading
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files, locks
from pupila.core.errors import PupilaError
from pupila.core.messages import say

Array = NDArray[Any]
_LOCK = ".lock"  # held by the process that fills the store
_MOST_OPEN = 128  # parts mapped at once
_MOST_GATHERED = 2**26  # bytes of one part that are copied at once
_MOST_HELD = 2**30  # bytes kept in memory where the cache can't be written to


@dataclass(frozen=True)
class _Part:
    """Rows that were saved together."""

    sums: list[int]  # the rows' checksums
    path: Path | None = None  # None: the cache can't be written to
    offset: int = 0  # bytes before the first row
    held: Array = field(default_factory=lambda: np.empty(0))  # the rows, where there is no file


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
        key = json.dumps([version, list(shape), self.dtype.str])
        self.folder = files.cache_folder() / kind / files.sha256(key.encode())[:24]
        self._bytes = int(np.prod(shape)) * self.dtype.itemsize
        self._parts: list[_Part] = []
        self._mapped: OrderedDict[int, Array] = (
            OrderedDict()
        )  # the parts that were read last: a map holds a file open
        self._lock = threading.Lock()
        self._held = 0  # bytes of the parts that are in memory
        self._places: dict[str, list[tuple[int, int]]] = {}  # key -> part, row; the last counts
        self._sound: set[str] = set()  # keys whose checksum was compared
        self._reported: set[Path | None] = set()  # damaged parts
        self._opened: set[Path] = set()  # the files of parts that were taken in, or passed over
        files.remove_partial(self.folder)
        self.refresh()

    def refresh(self) -> None:
        """Take in the parts that other processes have added since the store was opened."""
        for path in sorted(self.folder.glob("*.rows")):
            if path not in self._opened:
                self._open(path)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Within it no other process and no other thread computes rows of the store; waits for one that does.

        Ends of processes free the lock. A folder that can't be written to, or a file system without locks, has none:
        then rows may be computed twice, with equal values.
        """
        with contextlib.ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._enter_lock(stack)
            except OSError:
                pass
            self.refresh()
            yield

    def _enter_lock(self, stack: contextlib.ExitStack) -> None:
        path = str(self.folder / _LOCK)
        try:
            stack.enter_context(locks.hold(path, wait=False))
        except BlockingIOError:
            waiting = say(
                "Waiting for another process that computes the same {kind}.", kind=self.folder.parent.name
            )
            print(waiting, file=sys.stderr, flush=True)
            stack.enter_context(locks.hold(path))

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
        by_part: dict[int, tuple[list[int], list[int]]] = {}  # places in the result, rows of the part
        for place, key in enumerate(keys):
            if key not in self:
                raise KeyError(key)
            part, row = self._places[key][-1]
            places, rows = by_part.setdefault(part, ([], []))
            places.append(place)
            rows.append(row)
        for part, (places, rows) in by_part.items():
            stored = self._rows(part)
            if len(rows) * self._bytes > _MOST_GATHERED:  # without a second copy of them all
                for place, row in zip(places, rows, strict=True):
                    out[place] = stored[row]
            else:
                out[places] = stored[rows]
        return out

    def add(self, keys: list[str], rows: Array) -> None:
        """Save (K, *shape) rows under K keys as one part; a cache that can't be written to keeps some in memory.

        Raises:
            PupilaError: the cache can't be written to, and the rows are too many for memory.
        """
        rows = np.ascontiguousarray(rows, dtype=self.dtype)
        sums = [_checksum(key, row) for key, row in zip(keys, rows, strict=True)]
        head = json.dumps({"keys": keys, "sums": sums}).encode()
        path = self.folder / f"{uuid.uuid4().hex}.rows"
        try:
            files.write_bytes(str(path), len(head).to_bytes(8, "little") + head + rows.tobytes())
        except PupilaError:
            self._held += rows.nbytes
            if self._held > _MOST_HELD:
                raise
            self._take(keys, _Part(sums, held=rows))
        else:
            self._open(path)

    def _open(self, path: Path) -> None:
        """Take in one part; a damaged head or a short file makes it be forgotten."""
        self._opened.add(path)
        try:
            with path.open("rb") as stream:
                size = path.stat().st_size
                length = int.from_bytes(stream.read(8), "little")
                head = json.loads(stream.read(min(length, size)))
            keys, sums = list(head["keys"]), list(head["sums"])
            if len(keys) != len(sums):
                raise ValueError("damaged head")
            if size < 8 + length + len(keys) * self._bytes:
                raise ValueError("short file")
        except (OSError, ValueError, KeyError, TypeError):
            files.drop_damaged_cache(path)  # where it may not be deleted it is passed over each time
            return
        self._take(keys, _Part(sums, path, 8 + length))

    def _take(self, keys: list[str], part: "_Part") -> None:
        for row, key in enumerate(keys):
            self._places.setdefault(key, []).append((len(self._parts), row))
        self._sound.difference_update(keys)
        self._parts.append(part)

    def _rows(self, number: int) -> Array:
        """The rows of a part, mapped."""
        part = self._parts[number]
        if part.path is None:
            return part.held
        with self._lock:
            if number not in self._mapped:
                shape = (len(part.sums), *self.shape)
                self._mapped[number] = np.memmap(part.path, self.dtype, "r", offset=part.offset, shape=shape)
                if len(self._mapped) > _MOST_OPEN:
                    self._mapped.popitem(last=False)
            self._mapped.move_to_end(number)
            return self._mapped[number]

    def _is_sound(self, key: str) -> bool:
        if key in self._sound:
            return True
        places = self._places[key]
        while places:  # a damaged row may have been made again in another part
            part, row = places[-1]
            if _checksum(key, self._rows(part)[row]) == self._parts[part].sums[row]:
                self._sound.add(key)
                return True
            self._report(part)
            places.pop()
        del self._places[key]
        return False

    def _report(self, number: int) -> None:
        """Name a part with damaged rows, once; the rows are added again to another part."""
        path = self._parts[number].path
        if path is not None and path not in self._reported:
            self._reported.add(path)
            files.report_damaged_cache(path)


class Stores:
    """The stores that a process has open, each once: the rows of a store are checked once, too."""

    def __init__(self) -> None:
        self._opened: dict[tuple[Path, str, tuple[int, ...], str, str], ArrayStore] = {}

    def open(self, kind: str, version: str, shape: tuple[int, ...], dtype: str) -> ArrayStore:
        """The store with these parameters: see `ArrayStore`."""
        key = (files.cache_folder(), kind, shape, dtype, version)
        if key not in self._opened:
            self._opened[key] = ArrayStore(kind, version, shape, dtype)
        return self._opened[key]


def _checksum(key: str, row: Array) -> int:
    """Of the row and its key, for a damaged key would lend the row to another."""
    return zlib.crc32(row.tobytes(), zlib.crc32(key.encode()))
