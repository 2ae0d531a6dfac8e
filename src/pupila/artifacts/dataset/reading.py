"""Read images in parallel: every file becomes one row of facts, cached so that no file is read twice."""

import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from pupila.artifacts.dataset.columns import Schema
from pupila.artifacts.dataset.read_cache import BYTES, PART, ROW, ReadCache
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.settings import Settings
from pupila.core.threads import reader_threads
from pupila.imaging.duplicates.signature import MIN_DECODE_SIDE, SIDE, hashes, shrink
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.budget import hold, set_decode_memory
from pupila.imaging.images.decode import (
    DECODER,
    FORMATS,
    ImageFault,
    ImageLimits,
    value_range,
)
from pupila.imaging.images.miniature import miniature
from pupila.imaging.images.signatures import START
from pupila.tasks import TASKS
from pupila.tasks.task import Task

CHUNK = 512  # images between two saves of the cache
_ENDINGS = {name: frozenset(endings.split()) for name, endings in FORMATS.items()}
AUTO: Final = "auto"  # of a flag: as the data suggest
TaskChoice = Literal["auto", "classify", "multilabel", "segment"]  # the tasks that bring their own targets
LayoutChoice = Literal[  # the keys of formats.FORMATS
    "auto", "table", "coco", "labelme", "voc", "cvat", "via", "label-studio", "supervisely", "run-lengths",
    "yolo", "masks", "folders"
]  # fmt: skip
InstanceChoice = Literal["auto", "merge", "classes"]
_AT_ONCE = 16  # images per task: submitting them one by one costs as much as reading them

FACTS: Schema = {
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


@dataclass(slots=True)
class ImageFacts:
    """What is known of one file; its fields are the columns `FACTS`."""

    image: str  # path below the root
    bytes: int
    modified: int  # nanoseconds since 1970
    sha256: str | None = None
    phash: str | None = None
    phash_mirrored: str | None = None
    width: int | None = None  # upright, pixels
    height: int | None = None
    bands: int | None = None
    mode: str | None = None
    format: str | None = None
    orientation: int | None = None  # of EXIF
    frames: int | None = None
    alpha: bool | None = None
    taken: str | None = None
    camera: str | None = None
    brightness: float | None = None
    spread: float | None = None
    fault: str | None = None  # its code; None: the image is usable
    reason: str | None = None  # in words


class LayoutSettings(Settings):
    """How the labels are laid out, where the files leave it open; the manifest keeps it for later commands."""

    task: TaskChoice = Field(
        default="auto",
        description="what the labels are: one class per image (classify), several (multilabel) or a mask (segment); "
        "auto: as the data suggest",
    )
    layout: LayoutChoice = Field(
        default="auto",
        description="how the labels are laid out: table, coco, labelme, voc, cvat, via, label-studio, supervisely, "
        "run-lengths, yolo, masks or folders; auto: as the files suggest",
    )
    images: str = Field(
        default="auto", description="folder of the images, below that of the data; auto: as the files suggest"
    )
    masks: str = Field(
        default="auto", description="folder of the masks, below that of the data; auto: as the files suggest"
    )
    labels: str = Field(
        default="auto",
        description="file that holds the labels, below that of the data; auto: as the files suggest",
    )
    instances: InstanceChoice = Field(
        default="auto",
        description="numbered objects in masks: one foreground (merge), or a class for each number (classes); "
        "auto: as the masks suggest",
    )

    def requested_task(self) -> Task | None:
        """The task that the labels are read for; None: as the data suggest."""
        return TASKS.get(self.task)

    def layout_settings(self) -> "LayoutSettings":
        """These settings alone."""
        return LayoutSettings(**{name: getattr(self, name) for name in LayoutSettings.model_fields})


class ReadSettings(LayoutSettings, BandSettings, ImageLimits):
    """How the images and labels of a data set are read."""

    workers: PositiveInt | None = Field(
        default=None, description="threads that read images; null: one per core, 16 for a store"
    )
    max_decode_memory: PositiveInt | None = Field(
        default=None,
        description="memory of all decoding threads, bytes; null: a quarter of the machine's",
    )

    def limits(self) -> ImageLimits:
        """The limits alone."""
        return ImageLimits(max_bytes=self.max_bytes, max_pixels=self.max_pixels)

    def band_settings(self) -> BandSettings | None:
        """The band settings alone; None where all have their defaults."""
        settings = BandSettings(bands=self.bands, low=self.low, high=self.high)
        return None if settings == BandSettings() else settings


def read_facts(root: str, entries: pl.DataFrame, settings: ReadSettings) -> tuple[pl.DataFrame, ReadCache]:
    """The facts of every file, in the order of the entries, from the cache where possible.

    Args:
        root: folder or URI that the entries' paths are relative to.
        entries: the files, with the columns `image`, `bytes` (-1 for a broken link) and `modified`.
        settings: limits and threads.

    Returns:
        A frame with the columns `FACTS`, `PART` and `ROW` (which locate the copies), and the cache that holds the
        copies. `fault` is null for a usable image, else the code of the fault.
    """
    if settings.max_decode_memory is not None:
        set_decode_memory(settings.max_decode_memory)
    choice = settings.band_settings()
    version = f"{DECODER}/{BYTES}/{settings.max_bytes}/{settings.max_pixels}"
    version += f"/{choice.model_dump_json()}" if choice else ""
    cache = ReadCache(root, version, FACTS, lambda entry: read_file_facts(root, entry, settings)[1])
    requested = entries.cast({name: FACTS[name] for name in entries.columns})
    known = _join_cached(requested, cache)
    outdated = pl.col(PART).is_null() | pl.col("fault").eq_missing(
        "missing-extra"
    )  # that may be installed by now
    fresh = known.filter(outdated).select(requested.columns)
    if fresh.height:
        del known  # it is as large as the manifest, and is made again
        _read_fresh(root, fresh, settings, cache)
        known = _join_cached(requested, cache)
    return known, cache


def _join_cached(requested: pl.DataFrame, cache: ReadCache) -> pl.DataFrame:
    """The cached facts of the requested files, null where there are none."""
    known, key = cache.facts(), requested.columns
    # Rows are joined by their numbers alone: what else is known of them is copied once.
    numbers = known.select(*key, pl.int_range(pl.len()).alias(ROW))
    matches = requested.join(numbers, on=key, how="left", maintain_order="left")
    if matches.height > requested.height:  # some file was read twice
        latest = numbers.unique(key, keep="last")
        matches = requested.join(latest, on=key, how="left", maintain_order="left")
    return known.select(pl.all().gather(matches[ROW])).with_columns(matches.select(key))


def _read_fresh(root: str, entries: pl.DataFrame, settings: ReadSettings, cache: ReadCache) -> None:
    workers = settings.workers or reader_threads(root)
    with (
        warnings.catch_warnings(action="ignore"),  # the doctor reports what Pillow warns about
        progress(say("reading images"), entries.height) as advance,
        ThreadPoolExecutor(workers) as pool,
    ):
        starts = range(0, entries.height, CHUNK)
        reading = [_submit(pool, root, entries[:CHUNK], settings)]
        for start in starts:
            rows = [row for some in reading.pop() for row in some.result()]
            if start + CHUNK in starts:  # the threads read on while this chunk is hashed and saved
                reading.append(_submit(pool, root, entries[start + CHUNK : start + 2 * CHUNK], settings))
            copies = np.stack([copy for _, copy in rows])
            grey = copies[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)
            for (facts, _), phash, mirrored in zip(rows, *hashes(grey), strict=True):
                if facts.fault is None:
                    facts.phash, facts.phash_mirrored = phash, mirrored
            columns = {name: [getattr(facts, name) for facts, _ in rows] for name in FACTS}
            cache.store(pl.DataFrame(columns, schema=FACTS), copies)
            advance(len(rows))


Row = tuple[ImageFacts, NDArray[np.uint8]]


def _submit(
    pool: ThreadPoolExecutor, root: str, chunk: pl.DataFrame, settings: ReadSettings
) -> list[Future[list[Row]]]:
    entries = [files.FileEntry(*row) for row in chunk.iter_rows()]
    return [
        pool.submit(
            lambda part: [read_file_facts(root, entry, settings) for entry in part],
            entries[start : start + _AT_ONCE],
        )
        for start in range(0, len(entries), _AT_ONCE)
    ]


def read_file_facts(root: str, entry: files.FileEntry, settings: ReadSettings) -> Row:
    """The facts of one file except its hashes, and its copies, (BYTES,) uint8, black where it is not an image."""
    with hold():  # the pixels count as memory of decoding until they are described
        return _read_file_facts(root, entry, settings)


def _read_file_facts(root: str, entry: files.FileEntry, settings: ReadSettings) -> Row:
    facts = ImageFacts(entry.path, entry.size, entry.modified)
    try:
        content = _read_bytes(root, entry, settings)
        image = read_image(content, settings.band_settings(), settings.limits(), MIN_DECODE_SIDE)
    except ImageFault as fault:
        facts.fault, facts.reason = fault.code, fault.reason
        return facts, np.zeros(BYTES, dtype=np.uint8)
    header, copy = image.header, shrink(image.rgb)
    facts.sha256 = files.sha256(content)
    facts.width, facts.height, facts.bands = header.width, header.height, header.bands
    facts.mode, facts.format, facts.orientation = header.mode, header.format, header.orientation
    facts.frames, facts.alpha = header.frames, header.alpha
    facts.taken, facts.camera = header.taken, header.camera
    facts.brightness, facts.spread = float(copy.mean()), float(value_range(image.rgb))
    return facts, np.concatenate([copy.ravel(), miniature(image.rgb).ravel()])


def _read_bytes(root: str, entry: files.FileEntry, limits: ImageLimits) -> bytes:
    if entry.size == files.SPECIAL:
        raise ImageFault("unreadable", files.describe_special())
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


def has_wrong_extension(path: str, format: str) -> bool:
    """Whether the file's extension does not match the format of its content."""
    return files.suffix(path) not in _ENDINGS[format]


def read_signature(root: str, path: str) -> bytes:
    """The first bytes of a file, by which its format is recognized; none where it can't be read."""
    try:
        return files.read_start(files.join(root, path), START)
    except OSError:
        return b""
