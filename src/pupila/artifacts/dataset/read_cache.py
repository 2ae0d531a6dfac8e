"""The cache of file facts and small copies of images, in parts, in the user's cache folder.

Each part is two files, written whole: `<id>.parquet` (facts) and `<id>.copies` (for each image the raw grey copy and
the miniature, memory-mapped). An interrupted read resumes after its last part; a damaged part is dropped and read
again.
"""

import contextlib
import uuid
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.columns import Schema
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.images import miniature

GREY, COLOUR = (SIDE, SIDE), (miniature.SIDE, miniature.SIDE, 3)  # shapes of an image's two copies
_GREY = SIDE * SIDE  # bytes of the first
BYTES = _GREY + miniature.SIDE**2 * 3  # of both
MOST_PARTS = 24  # more parts than this are merged into one
PART, ROW = "_part", "_row"  # columns that locate the copies


class ReadCache:
    """The cached facts of one folder, or of one store's prefix.

    Args:
        root: the folder or URI.
        version: what else the facts depend on (decoder, limits).
        schema: the columns of the facts.
    """

    def __init__(self, root: str, version: str, schema: Schema) -> None:
        key = f"{files.absolute(root)}\n{version}"
        self.folder = files.cache_folder() / "readings" / files.sha256(key.encode())[:24]
        self._schema: Schema = {**schema, PART: pl.String, ROW: pl.Int64}
        self._frames = [
            frame for path in sorted(self.folder.glob("*.parquet")) if (frame := self._load(path)) is not None
        ]
        self._maps: dict[str, NDArray[np.uint8]] = {}

    def facts(self) -> pl.DataFrame:
        """All cached rows; for a file that was read twice, the later one."""
        if not self._frames:
            return pl.DataFrame(schema=self._schema)
        return pl.concat(self._frames).unique(
            ["image", "bytes", "modified"], keep="last", maintain_order=True
        )

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
        for i, (name, number) in enumerate(zip(part, row, strict=True)):
            if name not in self._maps:
                raw = np.memmap(self.folder / f"{name}.copies", dtype=np.uint8, mode="r")
                self._maps[name] = raw.reshape(-1, BYTES)
            out[i] = self._maps[name][number, span]
        return out

    def _load(self, path: Path) -> pl.DataFrame | None:
        """One part, or None where it is damaged or its copies are gone."""
        try:
            frame = pl.read_parquet(path, memory_map=False)
            size = path.with_suffix(".copies").stat().st_size
        except (OSError, pl.exceptions.PolarsError):
            return None
        fits = dict(frame.schema) == self._schema and size == frame.height * BYTES
        return frame if fits else None

    def _write(self, part: str, frame: pl.DataFrame, copies: NDArray[np.uint8]) -> None:
        files.write_bytes(str(self.folder / f"{part}.copies"), copies.tobytes())
        files.write_parquet(str(self.folder / f"{part}.parquet"), frame)

    def _merge(self) -> None:
        """Write all that counts as one part and drop the others."""
        frame = self.facts()
        part = uuid.uuid4().hex
        with (self.folder / f".{part}").open("wb") as stream:
            for start in range(0, frame.height, 4096):
                rows = frame[start : start + 4096]
                whole = self._copies(rows[PART].to_list(), rows[ROW].to_list(), slice(BYTES))
                stream.write(whole.tobytes())
        (self.folder / f".{part}").replace(self.folder / f"{part}.copies")
        merged = _with_places(frame, part)
        files.write_parquet(str(self.folder / f"{part}.parquet"), merged)
        for old in {name for f in self._frames for name in f[PART].unique()} - {part}:
            for suffix in (".parquet", ".copies"):
                with contextlib.suppress(OSError):  # mapped on Windows, or another process was faster
                    (self.folder / f"{old}{suffix}").unlink()
        self._frames, self._maps = [merged], {}


def _with_places(frame: pl.DataFrame, part: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(part).alias(PART), pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
