"""The masks of a data set: what their files hold, what that means, and the class indices of one image."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.annotations import drawn, is_annotation
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.mask_reading import FACTS, mask_facts
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import SAME_SHAPE, resized, stored_values
from pupila.imaging.masks.label_map import MOST_CLASSES, Legend, holds_numbers, legend_of, with_unnamed

Array = NDArray[Any]

PIXELS, UNKNOWN = "pixels", "mask_unknown"  # columns: pixels of each class; pixels of no known value
COLUMNS = (*FACTS, PIXELS, UNKNOWN)


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
    facts = mask_facts(root, wanted, legend, colour, limits)
    if legend is not None and colour and holds_numbers(_whole(facts), legend):
        legend, colour = _its_levels(legend, facts), False
        facts = mask_facts(root, wanted, legend, colour, limits)
    if not colour and facts["mask_coloured"].any():
        facts = _of_one_kind(facts, legend, lambda: mask_facts(root, wanted, None, True, limits))
    elif legend is None and _are_reordered(facts):
        facts = mask_facts(root, wanted, None, True, limits)
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
        palette = stored_counts(told or "{}")
        if len({*palette.values()}) < len(palette):  # it says nothing
            return False
        for index, colour in palette.items():
            colours[index].add(colour)
            indices[colour].add(index)
    return any(len(some) > 1 for some in colours.values()) and any(len(some) > 1 for some in indices.values())


def _holds_levels(mode: str, told: str, named: bool) -> bool:
    """Whether a mask without a colour can be none of coloured masks: of levels that a file names, or small numbers."""
    values = stored_counts(told).keys() - {0}
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
        elif abs(width * mask_height / (height * mask_width) - 1) > SAME_SHAPE:
            told = say("{width} x {height}, its mask {mask_width} x {mask_height}", width=width, height=height,
                       mask_width=mask_width, mask_height=mask_height)  # fmt: skip
            found.append(Oddity(image, "mask-of-another-shape", told))
    return found


def stored_counts(told: str) -> dict[int, int]:
    """Stored value to pixels, of a mask's `mask_values`."""
    return {int(value): count for value, count in json.loads(told).items()}


def _whole(facts: pl.DataFrame) -> dict[int, int]:
    """Stored value to pixels, over all masks."""
    whole: Counter[int] = Counter()
    for told in facts["mask_values"].drop_nulls():
        whole.update(stored_counts(told))
    return dict(whole)


def _colours(facts: pl.DataFrame) -> str:
    coloured = facts.filter(pl.col("mask_coloured"))["mask_values"].drop_nulls()
    return listing([f"#{value:06x}" for told in coloured[:1] for value in stored_counts(told)], 3)


def _read_values(told: str, legend: Legend) -> tuple[Array, Array, Array]:
    """(V,) pixels, class index, and whether the value is unknown, of every value of a mask."""
    counts = stored_counts(told)
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
