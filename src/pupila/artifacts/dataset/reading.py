"""Read images in parallel: every file becomes one row of facts, cached so that no file is read twice."""

import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from pupila.artifacts.dataset.read_cache import BYTES, ReadCache
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import reader_threads
from pupila.imaging.duplicates.signature import MIN_DECODE_SIDE, SIDE, hashes, shrink
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import (
    DECODER,
    FORMATS,
    ImageFault,
    ImageLimits,
    has_image_signature,
    value_range,
)
from pupila.imaging.images.miniature import miniature

CHUNK = 512  # images between two saves of the cache
_AT_ONCE = 16  # images per task: submitting them one by one costs as much as reading them

FACTS: dict[str, Any] = {
    "image": pl.String,
    "bytes": pl.Int64,
    "modified": pl.Int64,
    "sha256": pl.String,
    "phash": pl.String,
    "phash_mirrored": pl.String,
    "width": pl.Int32,
    "height": pl.Int32,
    "bands": pl.Int16,
    "mode": pl.String,
    "format": pl.String,
    "orientation": pl.Int8,
    "frames": pl.Int32,
    "alpha": pl.Boolean,
    "taken": pl.String,
    "camera": pl.String,
    "brightness": pl.Float32,
    "spread": pl.Float32,
    "fault": pl.String,
    "reason": pl.String,
}


class ReadSettings(BandSettings, ImageLimits):
    """How the images of a data set are read."""

    workers: PositiveInt | None = Field(
        default=None, description="threads that read images; null: one per core, 16 for a store"
    )

    def limits(self) -> ImageLimits:
        """The limits alone."""
        return ImageLimits(max_bytes=self.max_bytes, max_pixels=self.max_pixels)

    def band_settings(self) -> BandSettings | None:
        """The band settings alone; None where all have their defaults."""
        settings = BandSettings(bands=self.bands, low=self.low, high=self.high)
        return None if settings == BandSettings() else settings


def read_facts(
    root: str, entries: list[files.FileEntry], settings: ReadSettings
) -> tuple[pl.DataFrame, ReadCache]:
    """The facts of every file, in the order of the entries, from the cache where possible.

    Args:
        root: folder or URI that the entries' paths are relative to.
        entries: the files; size -1 is a broken link.
        settings: limits and threads.

    Returns:
        A frame with the columns `FACTS`, `PART` and `ROW` (which locate the copies), and the cache that holds the
        copies. `fault` is null for a usable image, else the code of the fault.
    """
    choice = settings.band_settings()
    version = f"{DECODER}/{BYTES}/{settings.max_bytes}/{settings.max_pixels}"
    cache = ReadCache(root, version + (f"/{choice.model_dump_json()}" if choice else ""), FACTS)
    requested = pl.DataFrame(
        {
            "image": [e.path for e in entries],
            "bytes": [e.size for e in entries],
            "modified": [e.modified for e in entries],
        },
        schema={name: FACTS[name] for name in ("image", "bytes", "modified")},
    )
    key = ["image", "bytes", "modified"]
    final = cache.facts().filter(
        pl.col("fault").ne_missing("missing-extra")
    )  # the extra may be installed by now
    fresh = requested.join(final, on=key, how="anti", maintain_order="left")
    if fresh.height:
        _read_fresh(root, [files.FileEntry(*row) for row in fresh.iter_rows()], settings, cache)
    known = cache.facts()
    return requested.join(known, on=key, how="left", maintain_order="left").select(known.columns), cache


def _read_fresh(root: str, entries: list[files.FileEntry], settings: ReadSettings, cache: ReadCache) -> None:
    workers = settings.workers or reader_threads(root)
    with (
        warnings.catch_warnings(action="ignore"),  # the doctor reports what Pillow warns about
        progress(say("reading images"), len(entries)) as advance,
        ThreadPoolExecutor(workers) as pool,
    ):
        chunks = list(_chunks(entries, CHUNK))
        reading = [_submit(pool, root, chunks[0], settings)]
        for number, chunk in enumerate(chunks, start=1):
            rows = [row for some in reading.pop() for row in some.result()]
            if number < len(chunks):  # the threads read on while this chunk is hashed and saved
                reading.append(_submit(pool, root, chunks[number], settings))
            copies = np.stack([copy for _, copy in rows])
            grey = copies[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)
            for (facts, _), phash, mirrored in zip(rows, *hashes(grey), strict=True):
                if "fault" not in facts:
                    facts |= {"phash": phash, "phash_mirrored": mirrored}
            cache.store([facts for facts, _ in rows], copies)
            advance(len(chunk))


Row = tuple[dict[str, Any], NDArray[np.uint8]]


def _submit(
    pool: ThreadPoolExecutor, root: str, entries: list[files.FileEntry], settings: ReadSettings
) -> list[Future[list[Row]]]:
    return [
        pool.submit(lambda part: [read_file_facts(root, entry, settings) for entry in part], some)
        for some in _chunks(entries, _AT_ONCE)
    ]


def _chunks(entries: list[files.FileEntry], size: int) -> Iterator[list[files.FileEntry]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def read_file_facts(
    root: str, entry: files.FileEntry, settings: ReadSettings
) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """The facts of one file except its hashes, and its copies, (BYTES,) uint8, black where it is not an image."""
    facts: dict[str, Any] = {"image": entry.path, "bytes": entry.size, "modified": entry.modified}
    try:
        content_facts, copy = _extract_facts(_read_bytes(root, entry, settings), settings)
        facts |= content_facts
    except ImageFault as fault:
        facts |= {"fault": fault.code, "reason": fault.reason}
        copy = np.zeros(BYTES, dtype=np.uint8)
    return facts, copy


def _read_bytes(root: str, entry: files.FileEntry, limits: ImageLimits) -> bytes:
    if entry.size < 0:
        raise ImageFault("broken-link", say("a broken link, or a file without read permission"))
    if entry.size > limits.max_bytes:
        raise ImageFault(
            "oversized", say("{n} bytes; the limit is {most}", n=entry.size, most=limits.max_bytes)
        )
    try:
        return files.read_bytes(files.join(root, entry.path))
    except OSError as fault:
        raise ImageFault("unreadable", fault.strerror or str(fault)) from fault


def _extract_facts(data: bytes, settings: ReadSettings) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    image = read_image(data, settings.band_settings(), settings.limits(), MIN_DECODE_SIDE)
    header, rgb = image.header, image.rgb
    copy = shrink(rgb)
    return {
        "sha256": files.sha256(data),
        "width": header.width,
        "height": header.height,
        "bands": header.bands,
        "mode": header.mode,
        "format": header.format,
        "orientation": header.orientation,
        "frames": header.frames,
        "alpha": header.alpha,
        "taken": header.taken,
        "camera": header.camera,
        "brightness": float(copy.mean()),
        "spread": float(value_range(rgb)),
    }, np.concatenate([copy.ravel(), miniature(rgb).ravel()])


def has_wrong_extension(path: str, format: str) -> bool:
    """Whether the file's extension does not match the format of its content."""
    return files.suffix(path) not in FORMATS[format].split()


def has_image_content(root: str, path: str) -> bool:
    """Whether a file begins like an image, whatever its extension."""
    try:
        return has_image_signature(files.read_start(files.join(root, path), 16))
    except OSError:
        return False
