"""The masks of a data set: what their files hold, what that means, and the class indices of one image."""

import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila import files
from pupila.dataset.formats.listing import Oddity
from pupila.errors import PupilaError
from pupila.images.decode import DECODER, ImageFault, ImageLimits
from pupila.masks import Legend, legend_of, resized, stored_values
from pupila.messages import say
from pupila.progress import progress
from pupila.threads import ahead

Array = NDArray[Any]

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
    "mask_fault": pl.String,
}
PIXELS, UNKNOWN = "pixels", "mask_unknown"  # columns: pixels of each class; pixels of no known value
COLUMNS = (*FACTS, PIXELS, UNKNOWN)
_MOST_VALUES = 512  # kept of a mask
_SAME_SHAPE = 0.02  # of the aspect ratio, within which a mask of another size is scaled
_SAVE_EVERY = 512  # masks between two saves of what was read


@dataclass(frozen=True, slots=True)
class Masked:
    """The masks of all images."""

    images: (
        pl.DataFrame
    )  # the images' rows with the columns `COLUMNS`; target null where the mask can't be used
    legend: Legend
    oddities: list[Oddity]


def with_masks(root: str, images: pl.DataFrame, legend: Legend | None, limits: ImageLimits) -> Masked:
    """Read the facts of every mask, decide what their values mean, and count the pixels of each class.

    Args:
        root: folder or URI that the masks' paths are relative to.
        images: rows with `target` (a mask's path, or null), `width` and `height`.
        legend: what a file beside the masks says of their values; None: decided from what they hold.
        limits: what to refuse.
    """
    targets = images["target"].to_list()
    colour = legend.colour if legend else False
    facts = _facts(root, targets, colour, limits)
    coloured = facts.filter(pl.col("mask_fault").is_null())["mask_coloured"]
    if not colour and coloured.any() and not coloured.all():
        facts = _facts(root, targets, True, limits)  # colours beside palettes: all are read as colours
    if legend is None:
        whole: Counter[int] = Counter()
        for told in facts["mask_values"].drop_nulls():
            whole.update({int(value): count for value, count in json.loads(told).items()})
        legend = legend_of(dict(whole), bool(coloured.any()))
    counted = [_pixels(told, legend) for told in facts["mask_values"]]
    facts = facts.with_columns(
        pl.Series(PIXELS, [one and one[0] for one in counted], dtype=pl.List(pl.Int64)),
        pl.Series(UNKNOWN, [one and one[1] for one in counted], dtype=pl.Int64),
    )
    joined = pl.concat([images, facts.drop("target")], how="horizontal")
    oddities = _oddities(joined)
    unusable = [o.subject for o in oddities]
    usable = pl.when(pl.col("image").is_in(unusable)).then(None).otherwise(pl.col("target"))
    return Masked(joined.with_columns(target=usable), legend, oddities)


def read_mask(root: str, target: str, legend: Legend, height: int, width: int) -> Array:
    """(height, width) uint8 class indices, IGNORE for pixels without a label.

    Args:
        root: folder or URI that the target is relative to.
        target: a mask's path.
        legend: what its values mean.
        height: of the upright image, pixels.
        width: of the upright image, pixels.

    Raises:
        ImageFault: the file is damaged.
        OSError: it can't be read.
    """
    stored = stored_values(files.read_bytes(files.join(root, target)), legend.colour)
    return resized(legend.read(stored.values)[0], height, width)


def _oddities(images: pl.DataFrame) -> list[Oddity]:
    """Images whose mask can't be used."""
    found = []
    columns = ("image", "target", "width", "height", "mask_width", "mask_height", "mask_fault")
    for image, target, width, height, mask_width, mask_height, fault in images.select(columns).iter_rows():
        if target is None:
            continue
        if fault is not None:
            found.append(Oddity(image, "mask-unreadable", say("{mask}: {fault}", mask=target, fault=fault)))
        elif abs(width * mask_height / (height * mask_width) - 1) > _SAME_SHAPE:
            told = say("{width} x {height}, its mask {mask_width} x {mask_height}", width=width, height=height,
                       mask_width=mask_width, mask_height=mask_height)  # fmt: skip
            found.append(Oddity(image, "mask-of-another-shape", told))
    return found


def _pixels(told: str | None, legend: Legend) -> tuple[list[int], int] | None:
    """Pixels of each class, and pixels of no known value."""
    if told is None:
        return None
    counts = {int(value): count for value, count in json.loads(told).items()}
    if not counts:
        return [0] * len(legend.names), 0
    values = np.array([list(counts)], dtype=np.int32 if legend.colour else np.uint8)
    pixels = np.array(list(counts.values()), dtype=np.int64)
    classes = legend.read(values)[0][0]
    unknown = sum(int(n) for value, n in zip(values[0], pixels, strict=True)
                  if legend.read(np.array([[value]], dtype=values.dtype))[1])  # fmt: skip
    found = [int(pixels[classes == index].sum()) for index in range(len(legend.names))]
    return found, unknown


def _facts(root: str, targets: list[str | None], colour: bool, limits: ImageLimits) -> pl.DataFrame:
    """A row of `FACTS` for each target, from memory where it has them; nulls for no target."""
    version = f"{root}\n{DECODER}/{limits.max_bytes}/{limits.max_pixels}/{colour}"
    remembered = files.cache_folder() / "masks" / f"{files.sha256(version.encode())[:24]}.parquet"
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    try:
        for row in pl.read_parquet(remembered, memory_map=False).iter_rows(named=True):
            known[row["target"], row["mask_bytes"], row["mask_modified"]] = row
    except (OSError, pl.exceptions.PolarsError, KeyError):
        known = {}
    keys = [_key(root, target) for target in targets]
    fresh = [key for key in dict.fromkeys(keys) if key is not None and key not in known]
    with progress(say("reading masks"), len(fresh)) as advance:
        for number, row in enumerate(ahead(fresh, lambda key: _read(root, key, colour, limits)), start=1):
            known[fresh[number - 1]] = row
            advance(1)
            if number % _SAVE_EVERY == 0 or number == len(fresh):
                frame = pl.DataFrame(list(known.values()), schema=FACTS, orient="row")
                with contextlib.suppress(
                    PupilaError
                ):  # a cache folder that can't be written to costs time only
                    files.write_parquet(str(remembered), frame)
    blank: dict[str, Any] = dict.fromkeys(FACTS)
    return pl.DataFrame([blank if key is None else known[key] for key in keys], schema=FACTS, orient="row")


Key = tuple[str, int, int]  # target, bytes, time of modification


def _key(root: str, target: str | None) -> Key | None:
    if target is None:
        return None
    entry = files.entry(root, target)
    return (target, entry.size, entry.modified) if entry else (target, -1, 0)


def _read(root: str, key: Key, colour: bool, limits: ImageLimits) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(FACTS)
    row |= {"target": key[0], "mask_bytes": key[1], "mask_modified": key[2]}
    try:
        data = files.read_bytes(files.join(root, key[0]))
        stored = stored_values(data, colour, limits)
    except (ImageFault, OSError) as fault:
        return {**row, "mask_fault": fault.reason if isinstance(fault, ImageFault) else str(fault)}
    values, counts = np.unique(stored.values, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    height, width = stored.values.shape
    return {
        **row, "mask_sha256": files.sha256(data), "mask_width": width, "mask_height": height,
        "mask_mode": stored.mode, "mask_format": stored.format, "mask_orientation": stored.orientation,
        "mask_coloured": stored.coloured,
        "mask_values": json.dumps({int(values[i]): int(counts[i]) for i in most}),
    }  # fmt: skip
