"""Checks on pairs: whether image and mask match in content and orientation, and agree with a second annotation."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.double_annotations import find_double_annotations
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import number, say, say_count, say_images
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE, WARNING
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.images.convert import apply_orientation
from pupila.imaging.masks.codec import SAME_SHAPE, resize_mask
from pupila.stages.doctor.faults import MAX_RANKED_EXAMPLES, fault
from pupila.stages.doctor.mask_fit import (
    BRIGHTNESS,
    MIN_MASKS,
    TEXTURE,
    find_misfits,
    mutual_information,
    quantize_appearance,
    score_image_masks,
)

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Orientation:
    """How an image and its mask are turned and sized as stored."""

    image: str
    target: str | None  # None: the mask was skipped
    width: int  # pixels
    height: int
    orientation: int  # of EXIF
    mask_width: int
    mask_height: int
    mask_orientation: int | None  # None: no mask


def exif_mismatch(data: Dataset) -> list[Fault]:
    """Pairs with different EXIF orientations; the content of the image decides whether the mask is rotated."""
    harmless: list[str] = []
    unrotated: list[str] = []
    names = [field.name for field in fields(_Orientation)]
    for position, values in enumerate(data.images.select(names).iter_rows()):
        row = _Orientation(*values)
        if row.mask_orientation in (None, row.orientation):
            continue
        example = say(
            "{image} (EXIF orientation {orientation}, mask {mask_orientation})",
            image=row.image,
            orientation=row.orientation,
            mask_orientation=row.mask_orientation,
        )
        (unrotated if _is_unrotated(data, position, row) else harmless).append(example)
    return fault("exif-mismatch", harmless) + fault("mask-not-rotated", unrotated)


def _is_unrotated(data: Dataset, position: int, row: _Orientation) -> bool:
    """Whether the mask fits the photo as stored better than the photo after its EXIF rotation."""
    if row.target is None:  # skipped for its aspect ratio; a quarter turn explains it
        turned = row.width * row.mask_width / (row.height * row.mask_height)
        return bool(abs(turned - 1) <= SAME_SHAPE)
    if row.mask_orientation != 1:
        return False
    mask = _downscale_mask(data, position)
    kinds = np.repeat(quantize_appearance(data.thumbnails([position])), 2, axis=0)
    masks = np.stack(
        [mask, resize_mask(np.ascontiguousarray(apply_orientation(mask, row.orientation)), SIDE, SIDE)]
    )
    fits = mutual_information(kinds, masks, (BRIGHTNESS * TEXTURE, len(data.classes)))[0]
    return bool(fits[1] > fits[0])


def conflicting_masks(data: Dataset) -> list[Fault]:
    """Duplicates with different masks, and their IoU: about the highest score that these labels allow."""
    pairs = find_double_annotations(data)
    if not pairs:
        return []
    images = data.images["image"]
    ious = [pair.iou for pair in pairs]
    agreement = say_count(
        "IoU {mean} in 1 pair",
        "mean IoU {mean} in {n} pairs, range {least} to {most}",
        len(ious), mean=number(sum(ious) / len(ious)), least=number(ious[0]), most=number(ious[-1]),
    )  # fmt: skip
    return fault("annotator-agreement", [agreement]) + fault("conflicting-masks", [
        say("{first} = {second} (IoU {iou})", first=images[twice.pair.first], second=images[twice.pair.second],
            iou=number(twice.iou))
        for twice in pairs
    ])  # fmt: skip


def mismatched_masks(data: Dataset) -> list[Fault]:
    """Masks that seem to belong to other images, by their size or by the content of the images."""
    swapped = _find_swaps_by_size(data)
    rows, masks = downscale_masks(data)
    if len(rows) < MIN_MASKS:
        return fault("mismatched-mask", swapped, WARNING)
    position = np.full(len(data), -1)
    position[rows] = np.arange(len(rows))
    misfits = find_misfits(
        rows,
        lambda some: score_image_masks(
            data.thumbnails(some.tolist()), masks[position[some]], len(data.classes)
        ),
        BRIGHTNESS * TEXTURE * len(data.classes),
        masks,
    )
    if misfits is None:
        count = say_images(len(rows))
        return fault("mismatched-mask", swapped, WARNING) + fault("mask-fit-at-chance", [count])
    images = data.images["image"]
    matched = [
        say("{image} (its mask is a copy of that of {other})", image=images[misfit.row], other=images[misfit.other])
        if misfit.copied else
        say("{image} (the mask of {other} fits it)", image=images[misfit.row], other=images[misfit.other])
        for misfit in misfits if misfit.other is not None
    ]  # fmt: skip
    unmatched = [images[misfit.row] for misfit in misfits if misfit.other is None]
    # Training skips masks of another aspect ratio anyway, so these alone are no error.
    return fault(
        "mismatched-mask", matched + swapped, None if matched else WARNING, shown=MAX_RANKED_EXAMPLES
    ) + fault("poor-mask-fit", unmatched, shown=MAX_RANKED_EXAMPLES)


def downscale_masks(data: Dataset) -> tuple[Array, Array]:
    """(N,) rows whose masks have two classes or more, and their (N, SIDE, SIDE) uint8 masks."""
    several = np.flatnonzero((data.shares > 0).sum(axis=1) > 1).tolist()
    downscaled = zip(several, prefetch(several, lambda row: _downscale_mask(data, row)), strict=True)
    usable = [(row, mask) for row, mask in downscaled if len(np.unique(mask[mask != IGNORE])) > 1]
    masks = np.array([mask for _, mask in usable], dtype=np.uint8)
    return np.array([row for row, _ in usable], dtype=np.int64), masks


def _downscale_mask(data: Dataset, row: int) -> Array:
    return resize_mask(data.mask(row), SIDE, SIDE)


def _find_swaps_by_size(data: Dataset) -> list[str]:
    """Images skipped for the aspect ratio of their mask, which has the size of exactly one other such image."""
    columns = ("image", "width", "height", "mask_width", "mask_height")
    left_out = data.images.filter(pl.col("target").is_null() & pl.col("mask_width").is_not_null())
    rejected = left_out.select(columns).to_dicts()
    examples = []
    for row in rejected:
        candidates = [
            other["image"] for other in rejected
            if (other["width"], other["height"]) == (row["mask_width"], row["mask_height"])
        ]  # fmt: skip
        if len(candidates) == 1 and candidates[0] != row["image"]:
            examples.append(
                say("{image} (its mask has the size of {other})", image=row["image"], other=candidates[0])
            )
    return examples
