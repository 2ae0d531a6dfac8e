"""A mask for each image: the class of every pixel."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.masks import read_masks
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.artifacts.dataset.targets.reader import ReadTargets, TargetReader, share_of_whole
from pupila.tasks.segment import SEGMENT

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset

_UNPAIRED = ("image-without-mask", "mask-without-image")  # codes of oddities


def _read(
    source: Listing, frame: pl.DataFrame, good: pl.DataFrame, oddities: list[Oddity], settings: ReadSettings
) -> ReadTargets:
    """The rows with the facts of their masks; unusable masks are oddities, and their targets null."""
    masks = read_masks(source.root, good, source.label_map, settings.limits(), settings.instances)
    remaining = _drop_resolved(oddities, masks.images)
    return ReadTargets(masks.images, remaining + masks.oddities, masks.label_map, masks.notes)


def _drop_resolved(oddities: list[Oddity], images: pl.DataFrame) -> list[Oddity]:
    """The oddities without unpaired images and masks that the label history has paired."""
    paired = {*images.filter(pl.col("target").is_not_null())["image"], *images["target"].drop_nulls()}
    return [oddity for oddity in oddities if oddity.code not in _UNPAIRED or oddity.subject not in paired]


def _classes(data: "Dataset") -> list[str]:
    """The names of the label map."""
    return list(data.require_label_map().names)


def _shares(data: "Dataset") -> NDArray[np.float64]:
    """Of an image's labelled pixels."""
    counts = data.class_pixels
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _identity(data: "Dataset") -> tuple[list[pl.Expr], list[str]]:
    """The masks' bytes and the label map."""
    digests = pl.when(pl.col("target").is_not_null()).then("mask_sha256")
    return [digests], [data.require_label_map().as_json()]


def _labels(data: "Dataset", row: int) -> dict[str, bool]:
    """Which classes occur in the mask."""
    if data.images["target"][row] is None:
        return {}
    return dict(zip(data.classes, (data.class_pixels[row] > 0).tolist(), strict=True))


MASK = TargetReader(
    SEGMENT,
    _read,
    _classes,
    _shares,
    share_of_whole,
    _identity,
    _labels,
)
