"""Reading masks: every file becomes a row of facts, and no file is read twice."""

import contextlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.annotations import drawn, file_of, is_annotation
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead, readers
from pupila.imaging.images.decode import DECODER, ImageFault, ImageLimits
from pupila.imaging.masks.codec import stored_values
from pupila.imaging.masks.label_map import Legend

FACTS: dict[str, Any] = {
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
    "mask_palette": pl.String,  # JSON: palette index to colour, of those that occur
    "mask_fault": pl.String,
}
_MOST_VALUES = 512  # kept of a mask
_SAVE_EVERY = 512  # masks between two saves of what was read, or a quarter of all if that is more

Wanted = tuple[str | None, int, int]  # target; height and width of the upright image
Key = tuple[str, int, int]  # target, bytes and time of modification of the file that it lies in


def mask_facts(
    root: str, wanted: list[Wanted], legend: Legend | None, colour: bool, limits: ImageLimits
) -> pl.DataFrame:
    """A row of `FACTS` for each image, from memory where it has them; nulls for no target.

    Args:
        root: folder or URI that the targets are relative to.
        wanted: of each image.
        legend: what masks that are told in text are drawn with.
        colour: whether palettes and grey levels are read as colours.
        limits: what to refuse.
    """
    drawn_with = legend.as_json() if legend and any(t and is_annotation(t) for t, _, _ in wanted) else ""
    version = (
        f"{files.absolute(root)}\n{DECODER}/{limits.max_bytes}/{limits.max_pixels}/{colour}\n{drawn_with}"
    )
    remembered = files.cache_folder() / "masks" / f"{files.sha256(version.encode())[:24]}.parquet"
    stat = cache(files.lookup(root))
    keys = [_key(target, stat) for target, _, _ in wanted]
    lasting = _remembered(remembered, keys)
    known, unsaved = dict(lasting), 0
    fresh = {
        key: (height, width) for key, (_, height, width) in zip(keys, wanted, strict=True)
        if key is not None and (key not in known or _of_another_size(known[key], height, width))
    }  # fmt: skip
    with progress(say("reading masks"), len(fresh)) as advance:
        rows = ahead(
            fresh.items(),
            lambda one: _read(root, one[0], one[1], legend if drawn_with else colour, limits),
            readers(root),
        )
        for key, (row, lasts) in zip(fresh, rows, strict=True):
            known[key] = row
            if lasts:
                lasting[key] = row
                unsaved += 1
            if unsaved > max(_SAVE_EVERY, len(lasting) // 4):
                _save(remembered, lasting)
                unsaved = 0
            advance(1)
    if unsaved:
        _save(remembered, lasting)
    blank: dict[str, Any] = dict.fromkeys(FACTS)
    return pl.DataFrame([blank if key is None else known[key] for key in keys], schema=FACTS, orient="row")


def _remembered(path: Path, keys: list[Key | None]) -> dict[Key, dict[str, Any]]:
    """The rows of the keys, and of masks that are not asked for; those of files as they were before are forgotten."""
    asked, targets = set(keys), {key[0] for key in keys if key}
    try:
        rows = list(pl.read_parquet(path, memory_map=False).select(list(FACTS)).iter_rows(named=True))
    except (OSError, pl.exceptions.PolarsError):
        return {}
    found = {(row["target"], row["mask_bytes"], row["mask_modified"]): row for row in rows}
    return {key: row for key, row in found.items() if key in asked or key[0] not in targets}


def _save(path: Path, rows: dict[Key, dict[str, Any]]) -> None:
    frame = pl.DataFrame(list(rows.values()), schema=FACTS, orient="row")
    with contextlib.suppress(PupilaError):  # a cache folder that can't be written to costs time only
        files.write_parquet(str(path), frame)


def _key(target: str | None, stat: Callable[[str], files.FileEntry | None]) -> Key | None:
    if target is None:
        return None
    entry = stat(file_of(target))
    return (target, entry.size, entry.modified) if entry else (target, -1, 0)


def _of_another_size(row: dict[str, Any], height: int, width: int) -> bool:
    """Whether a mask was drawn at the size that the image had then."""
    return row["mask_format"] == "YOLO" and (row["mask_height"], row["mask_width"]) != (height, width)


def _read(
    root: str, key: Key, size: tuple[int, int], meaning: Legend | bool | None, limits: ImageLimits
) -> tuple[dict[str, Any], bool]:
    """The facts of one mask, and whether they last; what could not be read now may be there later.

    `meaning` is the legend of masks that are drawn, else whether values are colours.
    """
    row: dict[str, Any] = dict.fromkeys(FACTS)
    row |= {"target": key[0], "mask_bytes": key[1], "mask_modified": key[2]}
    try:
        if isinstance(meaning, Legend):
            stored, said = drawn(root, key[0], meaning, size, limits)
        else:
            said = files.read_bytes(files.join(root, key[0]))
            stored = stored_values(said, bool(meaning), limits)
    except (ImageFault, OSError) as fault:
        return {**row, "mask_fault": str(fault)}, isinstance(fault, ImageFault)
    values, counts = np.unique(stored.values, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    palette = {value: stored.palette[value] for value in values.tolist() if value < len(stored.palette)}
    height, width = stored.values.shape
    found = {
        **row, "mask_sha256": files.sha256(said), "mask_width": width, "mask_height": height,
        "mask_mode": stored.mode, "mask_format": stored.format, "mask_orientation": stored.orientation,
        "mask_coloured": stored.coloured,
        "mask_values": json.dumps({int(values[i]): int(counts[i]) for i in most}),
        "mask_palette": json.dumps(palette) if palette else None,
    }  # fmt: skip
    return found, True
