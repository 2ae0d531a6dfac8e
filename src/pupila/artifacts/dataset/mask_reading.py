"""Read masks: every file becomes one row of facts, cached so that no file is read twice."""

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from pupila.artifacts.dataset.columns import Schema, read_cached_frame
from pupila.artifacts.dataset.formats.masks.mask_files import read_mask_files
from pupila.artifacts.dataset.formats.tools.annotations import UNSIZED, UPRIGHT, annotation_files
from pupila.artifacts.dataset.mask_target import is_drawn, read_target
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads
from pupila.imaging.images.decode import DECODER, ImageFault, ImageLimits
from pupila.imaging.masks.inference import count_places, count_values
from pupila.imaging.masks.label_map import LabelMap

FACTS: Schema = {
    "target": pl.String,
    "mask_bytes": pl.Int64,
    "mask_modified": pl.Int64,
    "mask_sha256": pl.String,
    "mask_width": pl.Int32,
    "mask_height": pl.Int32,
    "mask_mode": pl.String,
    "mask_format": pl.String,
    "mask_orientation": pl.Int8,
    "mask_coloured": pl.Boolean,
    "mask_values": pl.String,  # JSON: stored value to pixels, the most frequent first
    "mask_places": pl.String,  # JSON: pixels within areas of one value, and those between lower and higher ones
    "mask_palette": pl.String,  # JSON: palette index to colour, of those that occur
    "mask_pages": pl.Int32,  # of a mask that is unusable for having several
    "mask_overlap": pl.Int64,  # pixels that several classes claim, of a mask drawn from several files
    "mask_fault": pl.String,
}
_MOST_COLOURS, _MOST_IN_JPEG, _MOST_LEVELS = 512, 2048, 8192  # stored for a mask, the most frequent ones
_PLAIN = 2  # values of a mask that lie nowhere but in areas
_DRAWING = "3"  # changes whenever the same annotations could be drawn in another way: part of their cache key
_SAVE_EVERY = 512  # masks between two saves of the cache, or a quarter of all if that is more


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """What is known of one mask; its fields are the columns `FACTS`, all None for an image without one."""

    target: str | None = None
    mask_bytes: int | None = None
    mask_modified: int | None = None
    mask_sha256: str | None = None
    mask_width: int | None = None
    mask_height: int | None = None
    mask_mode: str | None = None
    mask_format: str | None = None
    mask_orientation: int | None = None
    mask_coloured: bool | None = None
    mask_values: str | None = None
    mask_places: str | None = None
    mask_palette: str | None = None
    mask_pages: int | None = None
    mask_overlap: int | None = None
    mask_fault: str | None = None


MaskRequest = tuple[str | None, int, int]  # target; height and width of the upright image
Key = tuple[str, int, int]  # target, and the size and modification time of its file


def read_mask_facts(
    root: str, requests: list[MaskRequest], label_map: LabelMap | None, colour: bool, limits: ImageLimits
) -> pl.DataFrame:
    """A row of `FACTS` for each image, from the cache where possible; nulls for no target.

    Args:
        root: folder or URI that the targets are relative to.
        requests: one for each image.
        label_map: used to draw masks from annotations, or from several files of an image.
        colour: whether palettes and grey levels are read as colours.
        limits: what to refuse.
    """
    drawing = label_map if any(target and is_drawn(target) for target, _, _ in requests) else None
    drawn_with = f"{_DRAWING}{drawing.as_json()}" if drawing else ""
    version = (
        f"{files.absolute(root)}\n{DECODER}/{limits.max_bytes}/{limits.max_pixels}/{colour}\n{drawn_with}"
    )
    cache_file = files.cache_folder() / "masks" / f"{files.sha256(version.encode())[:24]}.parquet"
    stat = cache(files.entry_finder(root))
    keys = [_cache_key(target, stat) for target, _, _ in requests]
    lasting = _load_cached(cache_file, keys)
    known, unsaved = dict(lasting), 0
    fresh = {
        key: (height, width) for key, (_, height, width) in zip(keys, requests, strict=True)
        if key is not None and (key not in known or _has_other_size(known[key], height, width))
    }  # fmt: skip
    with progress(say("reading masks"), len(fresh)) as advance:
        rows = prefetch(
            fresh.items(),
            lambda item: _read(root, item[0], item[1], drawing or colour, limits),
            reader_threads(root),
        )
        for key, (row, lasts) in zip(fresh, rows, strict=True):
            known[key] = row
            if lasts:
                lasting[key] = row
                unsaved += 1
            if unsaved > max(_SAVE_EVERY, len(lasting) // 4):
                _save(cache_file, lasting)
                unsaved = 0
            advance(1)
    if unsaved:
        _save(cache_file, lasting)
    return _frame(MaskFacts() if key is None else known[key] for key in keys)


def parse_counts(text: str) -> dict[int, int]:
    """Pixels of each stored value, from a mask's `mask_values`."""
    return {int(value): count for value, count in json.loads(text).items()}


def _frame(rows: Iterable[MaskFacts]) -> pl.DataFrame:
    rows = list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name in FACTS}
    return pl.DataFrame(columns, schema=FACTS)


def _load_cached(path: Path, keys: list[Key | None]) -> dict[Key, MaskFacts]:
    """The cached rows of the requested keys and of other masks; rows of files that have changed are dropped."""
    requested, targets = set(keys), {key[0] for key in keys if key}
    if (frame := read_cached_frame(path)) is None or not set(FACTS) <= set(frame.columns):
        return {}
    table = frame.select(list(FACTS)).rows()
    cached: dict[Key, MaskFacts] = {row[:3]: MaskFacts(*row) for row in table}
    return {key: row for key, row in cached.items() if key in requested or key[0] not in targets}


def _save(path: Path, rows: dict[Key, MaskFacts]) -> None:
    with contextlib.suppress(PupilaError):  # a cache folder that can't be written to costs time only
        files.write_parquet(str(path), _frame(rows.values()))


def _cache_key(target: str | None, stat: Callable[[str], files.FileEntry | None]) -> Key | None:
    if target is None:
        return None
    mask_files = read_mask_files(target)
    paths = annotation_files(target) if mask_files is None else sorted({each.path for each in mask_files})
    if mask_files is not None or len(paths) > 1:
        entries = [stat(path) for path in paths]
        versions = [entry and (entry.size, entry.modified) for entry in entries]
        digest = files.sha256(json.dumps(versions).encode())  # a change of any file shows, in whatever order
        return target, sum(entry.size for entry in entries if entry), int(digest[:15], 16)
    entry = stat(paths[0])
    return (target, entry.size, entry.modified) if entry else (target, -1, 0)


def _has_other_size(row: MaskFacts, height: int, width: int) -> bool:
    """Whether a mask was drawn at the size of the image, and the image has another one now."""
    return row.mask_format in (UNSIZED, UPRIGHT) and (row.mask_height, row.mask_width) != (height, width)


def _read(
    root: str, key: Key, size: tuple[int, int], drawing: LabelMap | bool | None, limits: ImageLimits
) -> tuple[MaskFacts, bool]:
    """The facts of one mask, and whether to cache them: a file that can't be read now may be readable later.

    `drawing` is the label map to draw with; for mask files, whether their values are colours.
    """
    row = MaskFacts(*key)
    try:
        drawn_with, colour = (drawing, False) if isinstance(drawing, LabelMap) else (None, bool(drawing))
        stored, content = read_target(root, key[0], drawn_with, size, limits, colour)
        if stored.pages > 1 and not is_drawn(key[0]):
            fault = say("it has {n} pages, and a mask is one", n=stored.pages)
            return replace(row, mask_pages=stored.pages, mask_fault=fault), True
    except (ImageFault, OSError) as fault:
        return replace(row, mask_fault=str(fault)), isinstance(fault, ImageFault)
    values, counts = count_values(stored.values)
    colours = _MOST_IN_JPEG if stored.format == "JPEG" else _MOST_COLOURS
    most = np.argsort(-counts, kind="stable")[: colours if stored.coloured else _MOST_LEVELS]
    palette = {value: stored.palette[value] for value in values.tolist() if value < len(stored.palette)}
    height, width = stored.values.shape
    facts = replace(
        row,
        mask_sha256=files.sha256(content),
        mask_width=width,
        mask_height=height,
        mask_mode=stored.mode,
        mask_format=stored.format,
        mask_orientation=stored.orientation,
        mask_coloured=stored.coloured,
        mask_values=json.dumps({int(values[i]): int(counts[i]) for i in most}),
        mask_places=json.dumps(count_places(stored.values)) if len(values) > _PLAIN else None,
        mask_palette=json.dumps(palette) if palette else None,
        mask_overlap=stored.overlap,
    )
    return facts, True
