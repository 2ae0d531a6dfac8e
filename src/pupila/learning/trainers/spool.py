"""Arrays in order, in memory up to a limit, the rest in a scratch file: memory stays bounded for any number."""

import contextlib
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import BinaryIO, overload

import numpy as np

from pupila.core import files
from pupila.imaging.images.decode import Array

MOST_BYTES = 512 * 2**20  # of one spool in memory


class ArraySequence(Sequence[Array]):
    """Arrays that are read one by one."""

    @abstractmethod
    def read(self, number: int) -> Array:
        """The array of this number."""

    @overload
    def __getitem__(self, number: int) -> Array: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Array]: ...
    def __getitem__(self, number: int | slice) -> Array | Sequence[Array]:
        """The array of this number, or a list of those of a slice."""
        if isinstance(number, slice):
            return [self.read(place) for place in range(*number.indices(len(self)))]
        return self.read(number)


class ArraySpool(ArraySequence):
    """Arrays of any shapes and one dtype; the scratch file vanishes with the spool.

    Args:
        arrays: the first ones.
        most: bytes kept in memory.
    """

    def __init__(self, arrays: Iterable[Array] = (), most: int = MOST_BYTES) -> None:
        self._most, self._lock = most, Lock()
        self._held: list[
            Array | tuple[int, tuple[int, ...], np.dtype]
        ] = []  # array, or its place in the file
        self._file: BinaryIO | None = None
        self.bytes = 0  # in all
        for array in arrays:
            self.append(array)

    def append(self, array: Array) -> None:
        """Add an array at the end."""
        self.bytes += array.nbytes
        if self.bytes <= self._most:
            self._held.append(array)
            return
        with self._lock:
            if self._file is None:
                self._file = _open_scratch_file()
                weakref.finalize(self, self._file.close)
            place = self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(array).data)
            self._file.flush()
        self._held.append((place, array.shape, array.dtype))

    def repeat_last(self) -> None:
        """Add the last array once more, which takes no further memory."""
        self._held.append(self._held[-1])

    def __len__(self) -> int:
        return len(self._held)

    def read(self, number: int) -> Array:
        """The array of this number, for any thread."""
        held = self._held[number]
        if isinstance(held, np.ndarray):
            return held
        place, shape, dtype = held
        with self._lock:
            assert self._file is not None  # an array was written to it
            self._file.seek(place)
            content = self._file.read(int(np.prod(shape)) * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape)


def _open_scratch_file() -> BinaryIO:
    """A file without a name in the cache folder, or where the system has its own: /tmp is often memory."""
    folder = files.cache_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    return tempfile.TemporaryFile()


class ChainedArrays(ArraySequence):
    """The arrays of several sequences, one after the other, without a copy."""

    def __init__(self, parts: list[Sequence[Array]]) -> None:
        self._places = [(part, number) for part in parts for number in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def read(self, number: int) -> Array:
        """The array of this number."""
        part, place = self._places[number]
        return part[place]
