"""The masks of a data set: the stored values of their files, the label map, and the class indices of one image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.masks.mask_files import MaskFile, describe_target, write_mask_files
from pupila.artifacts.dataset.formats.tools.annotation_file import UNLABELLED
from pupila.artifacts.dataset.mask_classes import settle_classes
from pupila.artifacts.dataset.mask_reading import FACTS, parse_counts
from pupila.artifacts.dataset.mask_target import is_drawn, name_layers, read_classes, read_target
from pupila.artifacts.dataset.mask_turning import turn_with_photos
from pupila.artifacts.dataset.reading import InstanceChoice
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, percent, say, say_count
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import SAME_SHAPE
from pupila.imaging.masks.label_map import MOST_CLASSES, LabelMap

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


def read_masks(
    root: str,
    images: pl.DataFrame,
    label_map: LabelMap | None,
    limits: ImageLimits,
    instances: InstanceChoice = "auto",
) -> MaskTable:
    """Read the facts of every mask, settle the label map, and count the pixels of each class.

    Args:
        root: folder or URI that the masks' paths are relative to.
        images: rows with `target` (a mask's path, or null), `width` and `height`.
        label_map: from a class file beside the masks; None: inferred from the stored values.
        limits: what to refuse.
        instances: whether numbered objects are merged.

    Raises:
        PupilaError: no mask is usable, or their values leave open what the classes are.
    """
    layers = name_layers(images["target"].drop_nulls().to_list(), label_map)
    if layers is not None:
        label_map, images = layers, _as_layers(images)
    requests = list(images.select("target", "height", "width").iter_rows())
    classes = settle_classes(root, requests, label_map, limits, instances)
    if label_map is None and (pages := _pages_of_all(classes.facts)):
        images = _as_pages(images, pages)
        return read_masks(root, images, label_map, limits, instances)
    named, label_map = classes.named, classes.label_map
    facts, turned = turn_with_photos(images, classes.facts)
    facts = facts.with_columns(_count_pixels(facts["mask_values"], named, label_map))
    joined = pl.concat([images, facts.drop("target")], how="horizontal")
    oddities = _find_unusable(joined)
    unusable = [o.subject for o in oddities]
    if unusable and images["target"].drop_nulls().len() == len(unusable):
        raise PupilaError(
            say("No usable mask"), actual=listing([f"{o.subject}: {o.reason}" for o in oddities], 3),
            expected=say("readable masks with the aspect ratio of their images"),
        )  # fmt: skip
    usable = pl.when(pl.col("image").is_in(unusable)).then(None).otherwise(pl.col("target"))
    notes = [*classes.notes, *_describe_ignored(facts, named), *turned, *_describe_overlap(facts),
             *_describe_single_value(facts)]  # fmt: skip
    return MaskTable(joined.with_columns(target=usable), label_map, oddities, notes)


def _describe_ignored(facts: pl.DataFrame, label_map: LabelMap) -> list[str]:
    """A note where pixels have a name that is no class; `unlabeled` for 255 is what Pupila writes itself."""
    stored = {value for counts in facts["mask_values"].drop_nulls() for value in parse_counts(counts)}
    names = [name for name, value in label_map.ignored
             if value in stored and (name, value) != (UNLABELLED, IGNORE)]  # fmt: skip
    if not names:
        return []
    return [say_count(
        "{names} is no class: its pixels have no label. If it is one, give it another name.",
        "{names} are no classes: their pixels have no label. If they are, give them other names.",
        len(names), names=listing(names, 8),
    )]  # fmt: skip


def _pages_of_all(facts: pl.DataFrame) -> int:
    """The pages of each mask file, where all have as many and classes can be: a page for each class; else 0."""
    masks = facts.drop_nulls("target")
    counts = masks["mask_pages"].unique().to_list()
    return counts[0] or 0 if len(counts) == 1 and (counts[0] or 0) <= MOST_CLASSES else 0


def _as_pages(images: pl.DataFrame, pages: int) -> pl.DataFrame:
    """The rows with a layer for each page of a mask file; its class is the page's number."""
    return _map_targets(images, lambda target: write_mask_files(
        [MaskFile(target, say("page {n}", n=page + 1), page) for page in range(pages)]
    ))  # fmt: skip


def _as_layers(images: pl.DataFrame) -> pl.DataFrame:
    """The rows with lone mask files as layers too, where other images have several."""
    return _map_targets(
        images, lambda target: target if is_drawn(target) else write_mask_files([MaskFile(target)])
    )


def _map_targets(images: pl.DataFrame, change: Callable[[str], str]) -> pl.DataFrame:
    """The rows with other targets; those without a target keep none."""
    columns = {
        name: pl.Series([target and change(target) for target in images[name]], dtype=pl.String)
        for name in ("target", "given_target") if name in images.columns
    }  # fmt: skip
    return images.with_columns(**columns)


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


def _describe_single_value(facts: pl.DataFrame) -> list[str]:
    """A note where the files of all masks hold one and the same value, and so tell nothing apart."""
    values = set[int]()
    for target, counts in facts.select("target", "mask_values").drop_nulls().iter_rows():
        if not is_drawn(target):
            values |= parse_counts(counts).keys()
        if len(values) > 1:
            break
    if len(values) != 1:
        return []
    return [say("All masks hold one value, {value}: they tell nothing apart. If others are meant: {flag}.",
                value=min(values), flag="--masks FOLDER")]  # fmt: skip


def _area(facts: pl.DataFrame) -> int:
    """Pixels of the masks."""
    return int((facts["mask_width"].cast(pl.Int64) * facts["mask_height"]).sum())


class MaskRow(NamedTuple):
    """A usable mask, as it was when the data set was opened."""

    target: str  # its path, or the annotation that it is drawn from
    sha256: str  # of the file, or of the annotation
    height: int  # of the upright image, pixels
    width: int  # of the upright image, pixels
    orientation: int  # of the image, EXIF


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
    target, digest, height, width, orientation = row
    stored, content = read_target(root, target, label_map, (height, width), limits, label_map.colour)
    if files.sha256(content) != digest:
        raise ImageFault("changed", say("the file has changed since then"))
    return read_classes(stored, label_map, orientation, (height, width))


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


def _count_pixels(values: pl.Series, named: LabelMap, label_map: LabelMap) -> list[pl.Series]:
    """Pixels of each class in each mask, and pixels with a value that has none; null for an image without a mask.

    Args:
        values: of the masks, as `parse_counts` reads them.
        named: the values of classes.
        label_map: with the frequent colours of no class.
    """
    masks = [None if text is None else parse_counts(text) for text in values]
    distinct = list({value for counts in masks for value in counts or ()})
    stored = np.array(distinct, dtype=np.int32 if label_map.colour else np.uint32)
    classes = dict(zip(distinct, label_map.read(stored[None])[0][0].tolist(), strict=True))
    unknown = {
        value for value, known in zip(distinct, named.is_known(stored).tolist(), strict=True) if not known
    }
    pixels = [[0] * len(label_map.names) for _ in masks]
    for row, counts in zip(pixels, masks, strict=True):
        for value, count in (counts or {}).items():
            if (index := classes[value]) < len(row):
                row[index] += count
    shares = pl.Series(
        PIXELS, np.array(pixels, dtype=np.int64).reshape(-1, len(label_map.names))
    ).arr.to_list()
    unnamed = [
        None if each is None else sum(each[value] for value in unknown & each.keys()) for each in masks
    ]
    return [shares.zip_with(values.is_not_null(), pl.Series(PIXELS, [None], dtype=pl.List(pl.Int64))),
            pl.Series(UNKNOWN, unnamed, dtype=pl.Int64)]  # fmt: skip
