"""The masks of a data set: the stored values of their files, the label map, and the class indices of one image."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.mask_files import MaskFile, describe_target, write_mask_files
from pupila.artifacts.dataset.mask_reading import FACTS, read_mask_facts
from pupila.artifacts.dataset.mask_target import is_drawn, name_layers, read_target
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, percent, say, say_count
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import SAME_SHAPE, resize_mask
from pupila.imaging.masks.label_map import (
    MOST_CLASSES,
    LabelMap,
    holds_grey_levels,
    ignore_unnamed_colours,
    infer_label_map,
)

Array = NDArray[Any]

PIXELS, UNKNOWN = "pixels", "mask_unknown"  # columns: pixels of each class; pixels that the label map lacks
COLUMNS = (*FACTS, PIXELS, UNKNOWN)


@dataclass(frozen=True, slots=True)
class MaskTable:
    """The masks of all images."""

    images: (
        pl.DataFrame
    )  # the images' rows with the columns `COLUMNS`; target null where the mask is unusable
    label_map: LabelMap
    oddities: list[Oddity]
    notes: list[str]  # sentences for the user


def read_masks(root: str, images: pl.DataFrame, label_map: LabelMap | None, limits: ImageLimits) -> MaskTable:
    """Read the facts of every mask, settle the label map, and count the pixels of each class.

    Args:
        root: folder or URI that the masks' paths are relative to.
        images: rows with `target` (a mask's path, or null), `width` and `height`.
        label_map: from a class file beside the masks; None: inferred from the stored values.
        limits: what to refuse.
    """
    layers = name_layers(images["target"].drop_nulls().to_list(), label_map)
    if layers is not None:
        label_map, images = layers, _as_layers(images)
    requests = list(images.select("target", "height", "width").iter_rows())
    colour = label_map.colour if label_map else False
    facts = read_mask_facts(root, requests, label_map, colour, limits)
    if label_map is not None and colour and holds_grey_levels(_total_counts(facts), label_map):
        label_map, colour = _grey_levels(label_map, facts), False
        facts = read_mask_facts(root, requests, label_map, colour, limits)
    if not colour and facts["mask_coloured"].any():
        facts = _unify_kind(facts, label_map, lambda: read_mask_facts(root, requests, None, True, limits))
    elif label_map is None and _are_reordered(facts):
        facts = read_mask_facts(root, requests, None, True, limits)
    named = (
        label_map.without_unnamed
        if label_map
        else infer_label_map(_total_counts(facts), bool(facts["mask_coloured"].any()))
    )
    if label_map is None and not 0 < len(named.names) <= MOST_CLASSES:
        raise PupilaError(
            say("The masks contain no classes"),
            actual=_list_colours(facts),
            expected=say("one colour for each class"),
        )
    label_map = ignore_unnamed_colours(named, _total_counts(facts)) if label_map and colour else named
    facts = facts.with_columns(
        pl.Series(
            PIXELS,
            [_class_pixels(counts, label_map) for counts in facts["mask_values"]],
            dtype=pl.List(pl.Int64),
        ),
        pl.Series(
            UNKNOWN, [_unknown_pixels(counts, named) for counts in facts["mask_values"]], dtype=pl.Int64
        ),
    )
    joined = pl.concat([images, facts.drop("target")], how="horizontal")
    oddities = _find_unusable(joined)
    unusable = [o.subject for o in oddities]
    if unusable and images["target"].drop_nulls().len() == len(unusable):
        raise PupilaError(
            say("No usable mask"), actual=listing([f"{o.subject}: {o.reason}" for o in oddities], 3),
            expected=say("readable masks with the aspect ratio of their images"),
        )  # fmt: skip
    usable = pl.when(pl.col("image").is_in(unusable)).then(None).otherwise(pl.col("target"))
    unnamed = [f"#{value:06x}" for value in label_map.values[len(named.values) :]]
    notes = (
        [say("Colours without a class are ignored: {colours}.", colours=listing(unnamed))] if unnamed else []
    )
    notes += _describe_overlap(facts)
    return MaskTable(joined.with_columns(target=usable), label_map, oddities, notes)


def _as_layers(images: pl.DataFrame) -> pl.DataFrame:
    """The rows with lone mask files as layers too, where other images have several."""
    columns = {
        name: [
            target if target is None or is_drawn(target) else write_mask_files([MaskFile(target)])
            for target in images[name]
        ]
        for name in ("target", "given_target") if name in images.columns
    }  # fmt: skip
    return images.with_columns(**{name: pl.Series(rows, dtype=pl.String) for name, rows in columns.items()})


def _describe_overlap(facts: pl.DataFrame) -> list[str]:
    """A note where classes in files of their own overlap."""
    shared = facts.filter(pl.col("mask_overlap") > 0)
    if shared.is_empty():
        return []
    return [
        say_count("Classes overlap in {n} mask, on {share} of its pixels: the later class lies on top.",
                  "Classes overlap in {n} masks, on {share} of their pixels: the later class lies on top.",
                  shared.height,
                  share=percent(int(shared["mask_overlap"].sum()) / _area(shared), 2)),
    ]  # fmt: skip


def _area(facts: pl.DataFrame) -> int:
    """Pixels of the masks."""
    return int((facts["mask_width"].cast(pl.Int64) * facts["mask_height"]).sum())


def _grey_levels(label_map: LabelMap, facts: pl.DataFrame) -> LabelMap:
    """The label map for grey levels from a class file that also names colours."""
    if label_map.levels is None:
        levels = [str(level) for level in sorted(value & 255 for value in _total_counts(facts))]
        raise PupilaError(
            say("The masks contain grey levels, but the class file lists colours"), actual=listing(levels),
            expected=say("the level of each class, for example {example}", example='{"0": "ground", "1": "water"}'),
        )  # fmt: skip
    return label_map.levels


def _unify_kind(
    facts: pl.DataFrame, label_map: LabelMap | None, as_colours: Callable[[], pl.DataFrame]
) -> pl.DataFrame:
    """The facts with all masks read as colours or all as grey levels; the minority of the other kind is faulty.

    Masks that fit both don't count: an all-black mask, a palette, black and white saved as RGB.

    Args:
        facts: read file by file; some masks are coloured.
        label_map: for grey levels, from a class file.
        as_colours: reads all masks as colours.
    """
    coloured = facts["mask_coloured"].fill_null(False)
    plain = facts.filter(~coloured).drop_nulls("mask_values").select("mask_mode", "mask_values")
    named = label_map is not None
    if coloured.sum() <= sum(_holds_levels(mode, counts, named) for mode, counts in plain.iter_rows()):
        read = [name for name in FACTS if name not in ("target", "mask_bytes", "mask_modified", "mask_fault")]
        reason = say("it is coloured, but most masks contain grey levels")
        return facts.with_columns(
            pl.when(coloured).then(None).otherwise(pl.col(read)).name.keep(),
            mask_fault=pl.when(coloured).then(pl.lit(reason)).otherwise("mask_fault"),
        )
    if label_map is not None:
        raise PupilaError(
            say("The masks are coloured, but the class file lists grey levels"), actual=_list_colours(facts),
            expected=say("the colour of each class, for example {example}", example='{"road": [128, 64, 128]}'),
        )  # fmt: skip
    return facts if plain.is_empty() else as_colours()


def _are_reordered(facts: pl.DataFrame) -> bool:
    """Whether palette indices of the same colours differ between files, as PNG optimisers leave them."""
    colours, indices = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for mode, values, palette_text in facts.select("mask_mode", "mask_values", "mask_palette").iter_rows():
        if values is not None and mode != "P" and _holds_levels(mode, values, named=False):
            return False
        palette = parse_counts(palette_text or "{}")
        if len({*palette.values()}) < len(palette):  # repeated colours prove nothing
            return False
        for index, colour in palette.items():
            colours[index].add(colour)
            indices[colour].add(index)
    return any(len(some) > 1 for some in colours.values()) and any(len(some) > 1 for some in indices.values())


def _holds_levels(mode: str, counts: str, named: bool) -> bool:
    """Whether an uncoloured mask must contain grey levels: levels that a class file lists, or small numbers."""
    values = parse_counts(counts).keys() - {0}
    if named or mode not in ("P", "RGB", "RGBA"):
        return bool(values)
    return mode != "P" and any(value < MOST_CLASSES for value in values)


class MaskRow(NamedTuple):
    """A usable mask, as it was when the data set was opened."""

    target: str  # its path, or the annotation that it is drawn from
    sha256: str  # of the file, or of the annotation
    height: int  # of the upright image, pixels
    width: int  # of the upright image, pixels


def read_mask(root: str, row: MaskRow, label_map: LabelMap, limits: ImageLimits) -> Array:
    """(height, width) uint8 class indices, IGNORE for pixels without a label.

    Args:
        root: folder or URI that the target is relative to.
        row: of the data set.
        label_map: of the data set.
        limits: what to refuse.

    Raises:
        ImageFault: the file is damaged, exceeds the limits, or has changed.
        OSError: it can't be read.
    """
    target, digest, height, width = row
    drawing = label_map if is_drawn(target) else None
    stored, content = read_target(root, target, drawing, (height, width), limits, label_map.colour)
    if files.sha256(content) != digest:
        raise ImageFault("changed", say("the file has changed since then"))
    return resize_mask(label_map.read(stored.values)[0], height, width)


def _find_unusable(images: pl.DataFrame) -> list[Oddity]:
    """Images whose mask can't be used."""
    oddities = []
    columns = ("image", "target", "width", "height", "mask_width", "mask_height", "mask_fault")
    for image, target, width, height, mask_width, mask_height, fault in images.select(columns).iter_rows():
        if target is None:
            continue
        if fault is not None:
            oddities.append(
                Oddity(
                    image,
                    "unreadable-mask",
                    say("{mask}: {fault}", mask=describe_target(target), fault=fault),
                )
            )
        elif abs(width * mask_height / (height * mask_width) - 1) > SAME_SHAPE:
            reason = say("image {width} x {height}, mask {mask_width} x {mask_height}", width=width, height=height,
                         mask_width=mask_width, mask_height=mask_height)  # fmt: skip
            oddities.append(Oddity(image, "mask-aspect-mismatch", reason))
    return oddities


def parse_counts(text: str) -> dict[int, int]:
    """Pixels of each stored value, from a mask's `mask_values`."""
    return {int(value): count for value, count in json.loads(text).items()}


def _total_counts(facts: pl.DataFrame) -> dict[int, int]:
    """Pixels of each stored value, over all masks."""
    total: Counter[int] = Counter()
    for counts in facts["mask_values"].drop_nulls():
        total.update(parse_counts(counts))
    return dict(total)


def _list_colours(facts: pl.DataFrame) -> str:
    coloured = facts.filter(pl.col("mask_coloured"))["mask_values"].drop_nulls()
    return listing([f"#{value:06x}" for counts in coloured[:1] for value in parse_counts(counts)], 3)


def _read_values(text: str, label_map: LabelMap) -> tuple[Array, Array, Array]:
    """For the V values of a mask: (V,) pixels, (V,) class index, (V,) whether the label map lacks the value."""
    counts = parse_counts(text)
    values = np.array(list(counts), dtype=np.int32 if label_map.colour else np.uint16)
    classes, unknown = label_map.read(values[None])[0][0], ~label_map.is_known(values)
    return np.array(list(counts.values()), dtype=np.int64), classes, unknown


def _class_pixels(counts: str | None, label_map: LabelMap) -> list[int] | None:
    """Pixels of each class."""
    if counts is None:
        return None
    pixels, classes, _ = _read_values(counts, label_map)
    return [int(pixels[classes == index].sum()) for index in range(len(label_map.names))]


def _unknown_pixels(counts: str | None, label_map: LabelMap) -> int | None:
    """Pixels with a value that the label map lacks."""
    if counts is None:
        return None
    pixels, _, unknown = _read_values(counts, label_map)
    return int(pixels[unknown].sum())
