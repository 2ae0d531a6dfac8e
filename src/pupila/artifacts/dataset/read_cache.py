"""The cache of file facts and small copies of images, in parts, in the user's cache folder.

Each part is two files, written whole: `<id>.parquet` (facts) and `<id>.copies` (for each image the raw grey copy and
the miniature, memory-mapped). An interrupted read resumes after its last part; a damaged part is dropped and read
again. Each row of the copies has a checksum, which is compared when the copies are first used: a damaged row is made
again from its image.
"""

import contextlib
import mmap
import statistics
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.columns import Schema, read_cached_frame
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.images import miniature

GREY, COLOUR = (SIDE, SIDE), (miniature.SIDE, miniature.SIDE, 3)  # shapes of an image's two copies
_GREY = SIDE * SIDE  # bytes of the first
BYTES = _GREY + miniature.SIDE**2 * 3  # of both
MOST_PARTS = 24  # of more parts those of about the same size are merged
_AT_ONCE = 512  # copies written together: 6 MB
PART, ROW = "_part", "_row"  # columns that locate the copies
_SPANS = {"_grey_sum": slice(_GREY), "_colour_sum": slice(_GREY, BYTES)}  # column to what it is the CRC-32 of
_ABANDONED = 3600  # seconds, after which copies without facts are those of a process that was killed


class ReadCache:
    """The cached facts of one folder, or of one store's prefix.

    Args:
        root: the folder or URI.
        version: what else the facts depend on (decoder, limits).
        schema: the columns of the facts.
        read: makes the copies, (BYTES,) uint8, of a file again.
    """

    def __init__(
        self, root: str, version: str, schema: Schema, read: Callable[[files.FileEntry], NDArray[np.uint8]]
    ) -> None:
        key = f"{files.absolute(root)}\n{version}"
        self.folder = files.cache_folder() / "readings" / files.sha256(key.encode())[:24]
        self._schema: Schema = {**schema, PART: pl.String, ROW: pl.Int64}
        self._read = read
        self._sums: dict[
            str, dict[str, NDArray[np.uint32]]
        ] = {}  # part -> column of `_SPANS` -> sums of its rows
        self._sound: dict[
            tuple[str, str], NDArray[np.bool_]
        ] = {}  # part, column: rows whose checksum was compared
        self._clean()
        self._frames = [
            frame for path in sorted(self.folder.glob("*.parquet")) if (frame := self._load(path)) is not None
        ]
        self._maps: dict[str, NDArray[np.uint8]] = {}
        self._files: dict[str, mmap.mmap] = {}  # part -> what its map shows

    def facts(self) -> pl.DataFrame:
        """All cached rows; of a file that was read twice, both."""
        return pl.concat([pl.DataFrame(schema=self._schema), *self._frames])

    def store(self, facts: pl.DataFrame, copies: NDArray[np.uint8]) -> None:
        """Save one part.

        Args:
            facts: of N files.
            copies: (N, BYTES) uint8, the grey copy and the miniature of each.
        """
        part = uuid.uuid4().hex
        frame = _with_places(facts, part)
        try:
            self._write(part, frame, copies)
        except PupilaError:  # a cache folder that can't be written to costs time, not the result
            self._maps[part] = copies
        self._frames.append(frame)
        if len(self._frames) > MOST_PARTS and not self._maps:
            self._merge()

    def grey(self, part: list[str], row: list[int]) -> NDArray[np.uint8]:
        """(K, SIDE, SIDE) uint8 grey copies at the places that the facts name."""
        return self._copies(part, row, slice(_GREY)).reshape(-1, *GREY)

    def colour(self, part: list[str], row: list[int]) -> NDArray[np.uint8]:
        """(K, miniature.SIDE, miniature.SIDE, 3) uint8 miniatures at the places that the facts name."""
        return self._copies(part, row, slice(_GREY, BYTES)).reshape(-1, *COLOUR)

    def _copies(self, part: list[str], row: list[int], span: slice) -> NDArray[np.uint8]:
        """(K, bytes) uint8: so much of the copies at these places."""
        out = np.empty((len(row), len(range(BYTES)[span])), dtype=np.uint8)
        columns = [column for column, place in _SPANS.items() if span in (place, slice(BYTES))]
        for i, (name, number) in enumerate(zip(part, row, strict=True)):
            if name not in self._maps:
                with (self.folder / f"{name}.copies").open("rb") as stream:
                    self._files[name] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                self._maps[name] = np.frombuffer(self._files[name], np.uint8).reshape(-1, BYTES)
            for column in columns:
                if name in self._sums and not self._find_sound(name, column)[number]:
                    self._check(name, number, column)
            out[i] = self._maps[name][number, span]
        self._release(set(part))
        return out

    def _find_sound(self, name: str, column: str) -> NDArray[np.bool_]:
        """(rows of the part,) bool: whose checksum was compared."""
        if (name, column) not in self._sound:
            self._sound[name, column] = np.zeros(len(self._sums[name][column]), np.bool_)
        return self._sound[name, column]

    def _release(self, parts: set[str]) -> None:
        """Let go of the pages that were read: they would count as memory of this process until its end."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for name in parts & self._files.keys():
                self._files[name].madvise(mmap.MADV_DONTNEED)

    def _check(self, name: str, number: int, column: str) -> None:
        """Compare the checksum of one row; damaged copies are made again from the image, with a line that reports it.

        Raises:
            PupilaError: the image can no longer be read, or has changed.
        """
        row = self._maps[name][number]
        if zlib.crc32(row[_SPANS[column]].tobytes()) != self._sums[name][column][number]:
            copies = self.folder / f"{name}.copies"
            files.report_damaged_cache(copies)
            fresh = self._read(self._find_entry(name, number))
            if zlib.crc32(fresh[_SPANS[column]].tobytes()) != self._sums[name][column][number]:
                for suffix in (".parquet", ".copies"):
                    with contextlib.suppress(OSError):
                        (self.folder / f"{name}{suffix}").unlink()
                raise PupilaError(
                    say("A damaged copy in the cache can't be made again"), actual=self._find_entry(name, number).path,
                    expected=say("the image as it was when the data set was opened"),
                    remedy=say("run the command again"),
                )  # fmt: skip
            self._maps[name] = np.array(self._maps[name])
            self._maps[name][number] = fresh
            with contextlib.suppress(OSError), copies.open("r+b") as stream:
                stream.seek(number * BYTES)
                stream.write(fresh.tobytes())
        self._find_sound(name, column)[number] = True

    def _find_entry(self, name: str, number: int) -> files.FileEntry:
        frame = pl.concat(self._frames).filter(pl.col(PART) == name, pl.col(ROW) == number)
        return files.FileEntry(*frame.select("image", "bytes", "modified").row(0))

    def _clean(self) -> None:
        """Delete what killed processes left: temporary files, and copies whose facts were never written."""
        files.remove_partial(self.folder)
        for path in self.folder.glob("*.copies"):
            with contextlib.suppress(OSError):
                abandoned = time.time() - path.stat().st_mtime > _ABANDONED
                if abandoned and not path.with_suffix(".parquet").exists():
                    path.unlink()

    def _load(self, path: Path) -> pl.DataFrame | None:
        """One part, or None where it is damaged or its copies are gone."""
        if (frame := read_cached_frame(path)) is None:
            return None
        try:
            size = path.with_suffix(".copies").stat().st_size
        except OSError:
            return None
        if set(_SPANS) <= set(frame.columns):  # those of an earlier Pupila have none
            self._sums[path.stem] = {column: frame[column].to_numpy() for column in _SPANS}
            frame = frame.drop(*_SPANS)
        fits = dict(frame.schema) == self._schema and size == frame.height * BYTES
        return frame if fits else None

    def _write(self, part: str, frame: pl.DataFrame, copies: NDArray[np.uint8]) -> None:
        files.write_bytes(str(self.folder / f"{part}.copies"), copies.tobytes())
        self._write_facts(part, frame, _sum_up(copies))

    def _write_facts(self, part: str, frame: pl.DataFrame, sums: dict[str, NDArray[np.uint32]]) -> None:
        self._sums[part] = sums
        files.write_parquet(str(self.folder / f"{part}.parquet"), frame.with_columns(**sums))

    def _merge(self) -> None:
        """Write the parts of about the same size as one part and drop them.

        Larger ones were merged already: to write them again each time would cost the square of the images.
        """
        largest = 2 * statistics.median(frame.height for frame in self._frames)
        some = [frame for frame in self._frames if frame.height <= largest]
        others = [frame for frame in self._frames if frame.height > largest]
        frame = _unite(some)
        part, sums = uuid.uuid4().hex, list[dict[str, NDArray[np.uint32]]]()
        with files.atomic_path(str(self.folder / f"{part}.copies")) as path, path.open("wb") as stream:
            for start in range(0, frame.height, _AT_ONCE):
                rows = frame[start : start + _AT_ONCE]
                whole = self._copies(rows[PART].to_list(), rows[ROW].to_list(), slice(BYTES))
                stream.write(whole.tobytes())
                sums.append(_sum_up(whole))
        merged = _with_places(frame, part)
        self._write_facts(
            part, merged, {name: np.concatenate([some[name] for some in sums]) for name in _SPANS}
        )
        for old in {name for f in some for name in f[PART].unique()}:
            for known in (self._maps, self._files, self._sums):
                known.pop(old, None)
            for suffix in (".parquet", ".copies"):
                with contextlib.suppress(OSError):  # mapped on Windows, or another process was faster
                    (self.folder / f"{old}{suffix}").unlink()
        self._frames = [*others, merged]


def _unite(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all; of a file that was read twice, the later one."""
    return pl.concat(frames).unique(["image", "bytes", "modified"], keep="last", maintain_order=True)


def _sum_up(copies: NDArray[np.uint8]) -> dict[str, NDArray[np.uint32]]:
    """The checksums of (N, BYTES) copies."""
    return {name: np.array([zlib.crc32(row[span].tobytes()) for row in copies], dtype=np.uint32)
            for name, span in _SPANS.items()}  # fmt: skip


def _with_places(frame: pl.DataFrame, part: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(part).alias(PART), pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
