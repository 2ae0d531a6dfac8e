"""The masks of a data set: what their files hold, what that means, and the class indices of one image."""

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila import files
from pupila.dataset.annotations import drawn, file_of, is_annotation
from pupila.dataset.formats.listing import Oddity
from pupila.errors import PupilaError
from pupila.images.decode import DECODER, ImageFault, ImageLimits
from pupila.masks import (
    MOST_CLASSES,
    Legend,
    holds_numbers,
    legend_of,
    resized,
    stored_values,
    with_unnamed,
)
from pupila.messages import listing, say
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
    "mask_palette": pl.String,  # JSON: palette index to colour, of those that occur
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
    notes: list[str]  # sentences for the user


def with_masks(root: str, images: pl.DataFrame, legend: Legend | None, limits: ImageLimits) -> Masked:
    """Read the facts of every mask, decide what their values mean, and count the pixels of each class.

    Args:
        root: folder or URI that the masks' paths are relative to.
        images: rows with `target` (a mask's path, or null), `width` and `height`.
        legend: what a file beside the masks says of their values; None: decided from what they hold.
        limits: what to refuse.
    """
    wanted = list(images.select("target", "height", "width").iter_rows())
    colour = legend.colour if legend else False
    facts = _facts(root, wanted, legend, colour, limits)
    if legend is not None and colour and holds_numbers(_whole(facts), legend):
        legend, colour = _its_levels(legend, facts), False
        facts = _facts(root, wanted, legend, colour, limits)
    if not colour and facts["mask_coloured"].any():
        facts = _of_one_kind(facts, legend, lambda: _facts(root, wanted, None, True, limits))
    elif legend is None and _are_reordered(facts):
        facts = _facts(root, wanted, None, True, limits)
    named = legend.named if legend else legend_of(_whole(facts), bool(facts["mask_coloured"].any()))
    if legend is None and not 0 < len(named.names) <= MOST_CLASSES:
        raise PupilaError(
            say("The masks hold no classes"), found=_colours(facts), wanted=say("one colour for each class")
        )
    legend = with_unnamed(named, _whole(facts)) if legend and colour else named
    facts = facts.with_columns(
        pl.Series(PIXELS, [_pixels(told, legend) for told in facts["mask_values"]], dtype=pl.List(pl.Int64)),
        pl.Series(UNKNOWN, [_unknown(told, named) for told in facts["mask_values"]], dtype=pl.Int64),
    )
    joined = pl.concat([images, facts.drop("target")], how="horizontal")
    oddities = _oddities(joined)
    unusable = [o.subject for o in oddities]
    if unusable and images["target"].drop_nulls().len() == len(unusable):
        raise PupilaError(
            say("None of the masks can be used"), found=listing([f"{o.subject}: {o.reason}" for o in oddities], 3),
            wanted=say("masks that can be read, of the shape of their images"),
        )  # fmt: skip
    usable = pl.when(pl.col("image").is_in(unusable)).then(None).otherwise(pl.col("target"))
    unnamed = [f"#{value:06x}" for value in legend.values[len(named.values) :]]
    notes = (
        [say("Colours of no class, so without a label: {colours}.", colours=listing(unnamed))]
        if unnamed
        else []
    )
    return Masked(joined.with_columns(target=usable), legend, oddities, notes)


def _its_levels(legend: Legend, facts: pl.DataFrame) -> Legend:
    """What the class file says of grey levels besides colours."""
    if legend.levels is None:
        held = sorted(value & 255 for value in _whole(facts))
        raise PupilaError(
            say("The masks hold grey levels, and the class file names colours"), found=listing([str(v) for v in held]),
            wanted=say("the level of each class, as {example}", example='{"0": "ground", "1": "water"}'),
        )  # fmt: skip
    return legend.levels


def _of_one_kind(
    facts: pl.DataFrame, legend: Legend | None, as_colours: Callable[[], pl.DataFrame]
) -> pl.DataFrame:
    """The facts of masks that are all coloured, or all hold levels; the few that are of the other kind are faulty.

    What goes with both has no say: a mask that is black from edge to edge, a palette, black and white saved as RGB.

    Args:
        facts: as they were read where each file alone decides; some are coloured.
        legend: of levels, as a file names them.
        as_colours: reads all masks as colours.
    """
    coloured = facts["mask_coloured"].fill_null(False)
    plain = facts.filter(~coloured).drop_nulls("mask_values").select("mask_mode", "mask_values")
    named = legend is not None
    if coloured.sum() <= sum(_holds_levels(mode, told, named) for mode, told in plain.iter_rows()):
        read = [name for name in FACTS if name not in ("target", "mask_bytes", "mask_modified", "mask_fault")]
        why = say("it is coloured, and most masks hold grey levels")
        return facts.with_columns(
            pl.when(coloured).then(None).otherwise(pl.col(read)).name.keep(),
            mask_fault=pl.when(coloured).then(pl.lit(why)).otherwise("mask_fault"),
        )
    if legend is not None:
        raise PupilaError(
            say("The masks are coloured, and the class file names grey levels"), found=_colours(facts),
            wanted=say("the colour of each class, as {example}", example='{"road": [128, 64, 128]}'),
        )  # fmt: skip
    return facts if plain.is_empty() else as_colours()


def _are_reordered(facts: pl.DataFrame) -> bool:
    """Whether palettes give the same colours other indices from file to file, as tools that shrink files do."""
    colours, indices = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for mode, values, told in facts.select("mask_mode", "mask_values", "mask_palette").iter_rows():
        if values is not None and mode != "P" and _holds_levels(mode, values, named=False):
            return False
        palette = _counts(told or "{}")
        if len({*palette.values()}) < len(palette):  # it says nothing
            return False
        for index, colour in palette.items():
            colours[index].add(colour)
            indices[colour].add(index)
    return any(len(some) > 1 for some in colours.values()) and any(len(some) > 1 for some in indices.values())


def _holds_levels(mode: str, told: str, named: bool) -> bool:
    """Whether a mask without a colour can be none of coloured masks: of levels that a file names, or small numbers."""
    values = _counts(told).keys() - {0}
    if named or mode not in ("P", "RGB", "RGBA"):
        return bool(values)
    return mode != "P" and any(value < MOST_CLASSES for value in values)


class MaskRow(NamedTuple):
    """A mask that can be used, as it was on opening."""

    target: str  # its path, or an annotation that it is drawn from
    sha256: str  # of the file, or of what the annotation says
    height: int  # of the upright image, pixels
    width: int  # of the upright image, pixels


def read_mask(root: str, row: MaskRow, legend: Legend, limits: ImageLimits) -> Array:
    """(height, width) uint8 class indices, IGNORE for pixels without a label.

    Args:
        root: folder or URI that the target is relative to.
        row: of the data set.
        legend: what the stored values mean.
        limits: what to refuse.

    Raises:
        ImageFault: the file is damaged, above the limits, or was changed.
        OSError: it can't be read.
    """
    target, digest, height, width = row
    if is_annotation(target):
        stored, said = drawn(root, target, legend, (height, width), limits)
    else:
        said = files.read_bytes(files.join(root, target))
        stored = stored_values(said, legend.colour, limits)
    if files.sha256(said) != digest:
        raise ImageFault("changed", say("the file was changed since"))
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


def _counts(told: str) -> dict[int, int]:
    """Stored value to pixels."""
    return {int(value): count for value, count in json.loads(told).items()}


def _whole(facts: pl.DataFrame) -> dict[int, int]:
    """Stored value to pixels, over all masks."""
    whole: Counter[int] = Counter()
    for told in facts["mask_values"].drop_nulls():
        whole.update(_counts(told))
    return dict(whole)


def _colours(facts: pl.DataFrame) -> str:
    coloured = facts.filter(pl.col("mask_coloured"))["mask_values"].drop_nulls()
    return listing([f"#{value:06x}" for told in coloured[:1] for value in _counts(told)], 3)


def _read_values(told: str, legend: Legend) -> tuple[Array, Array, Array]:
    """(V,) pixels, class index, and whether the value is unknown, of every value of a mask."""
    counts = _counts(told)
    values = np.array(list(counts), dtype=np.int32 if legend.colour else np.uint16)
    classes, unknown = legend.read(values[None])[0][0], ~legend.knows(values)
    return np.array(list(counts.values()), dtype=np.int64), classes, unknown


def _pixels(told: str | None, legend: Legend) -> list[int] | None:
    """Pixels of each class."""
    if told is None:
        return None
    pixels, classes, _ = _read_values(told, legend)
    return [int(pixels[classes == index].sum()) for index in range(len(legend.names))]


def _unknown(told: str | None, legend: Legend) -> int | None:
    """Pixels of no known value."""
    if told is None:
        return None
    pixels, _, unknown = _read_values(told, legend)
    return int(pixels[unknown].sum())


Wanted = tuple[str | None, int, int]  # target; height and width of the upright image
Key = tuple[str, int, int]  # target, bytes and time of modification of the file that it lies in


def _facts(
    root: str, wanted: list[Wanted], legend: Legend | None, colour: bool, limits: ImageLimits
) -> pl.DataFrame:
    """A row of `FACTS` for each image, from memory where it has them; nulls for no target."""
    drawn_with = legend.as_json() if legend and any(t and is_annotation(t) for t, _, _ in wanted) else ""
    version = f"{root}\n{DECODER}/{limits.max_bytes}/{limits.max_pixels}/{colour}\n{drawn_with}"
    remembered = files.cache_folder() / "masks" / f"{files.sha256(version.encode())[:24]}.parquet"
    known: dict[Key, dict[str, Any]] = {}
    try:
        for row in pl.read_parquet(remembered, memory_map=False).iter_rows(named=True):
            known[row["target"], row["mask_bytes"], row["mask_modified"]] = row
    except (OSError, pl.exceptions.PolarsError, KeyError):
        known = {}
    stat = cache(lambda path: files.entry(root, path))
    keys = [_key(target, stat) for target, _, _ in wanted]
    fresh = {
        key: (height, width) for key, (_, height, width) in zip(keys, wanted, strict=True)
        if key is not None and (key not in known or _of_another_size(known[key], height, width))
    }  # fmt: skip
    with progress(say("reading masks"), len(fresh)) as advance:
        rows = ahead(
            fresh.items(), lambda one: _read(root, one[0], one[1], legend if drawn_with else colour, limits)
        )
        for number, (key, row) in enumerate(zip(fresh, rows, strict=True), start=1):
            known[key] = row
            advance(1)
            if number % _SAVE_EVERY == 0 or number == len(fresh):
                frame = pl.DataFrame(list(known.values()), schema=FACTS, orient="row")
                with contextlib.suppress(
                    PupilaError
                ):  # a cache folder that can't be written to costs time only
                    files.write_parquet(str(remembered), frame)
    blank: dict[str, Any] = dict.fromkeys(FACTS)
    return pl.DataFrame([blank if key is None else known[key] for key in keys], schema=FACTS, orient="row")


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
) -> dict[str, Any]:
    """The facts of one mask; `meaning` is the legend of masks that are drawn, else whether values are colours."""
    row: dict[str, Any] = dict.fromkeys(FACTS)
    row |= {"target": key[0], "mask_bytes": key[1], "mask_modified": key[2]}
    try:
        if isinstance(meaning, Legend):
            stored, said = drawn(root, key[0], meaning, size, limits)
        else:
            said = files.read_bytes(files.join(root, key[0]))
            stored = stored_values(said, bool(meaning), limits)
    except (ImageFault, OSError) as fault:
        return {**row, "mask_fault": str(fault)}
    values, counts = np.unique(stored.values, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    palette = {value: stored.palette[value] for value in values.tolist() if value < len(stored.palette)}
    height, width = stored.values.shape
    return {
        **row, "mask_sha256": files.sha256(said), "mask_width": width, "mask_height": height,
        "mask_mode": stored.mode, "mask_format": stored.format, "mask_orientation": stored.orientation,
        "mask_coloured": stored.coloured,
        "mask_values": json.dumps({int(values[i]): int(counts[i]) for i in most}),
        "mask_palette": json.dumps(palette) if palette else None,
    }  # fmt: skip
