"""Checks on pairs: whether image and mask belong together, lie alike, and agree with another labelling."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.annotated_twice import labelled_twice
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say, say_count
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE, WARNING
from pupila.imaging.duplicates.signature import SIDE
from pupila.imaging.images.decode import upright
from pupila.imaging.masks.codec import SAME_SHAPE, resized
from pupila.stages.doctor.faults import RANKED, Fault, fault
from pupila.stages.doctor.mask_fit import (
    BRIGHTNESS,
    LEAST,
    TEXTURE,
    fit_of_pictures,
    looks,
    misfits,
    shared_information,
)

Array = NDArray[Any]


def exif_of_one(data: Dataset) -> list[Fault]:
    """Pairs of which one alone has an EXIF orientation; the picture tells how the mask really lies."""
    upright_ones: list[str] = []
    lying: list[str] = []
    for number, row in enumerate(data.images.iter_rows(named=True)):
        if row["mask_orientation"] in (None, row["orientation"]):
            continue
        told = say(
            "{image} (EXIF {orientation}, its mask {mask_orientation})",
            image=row["image"],
            orientation=row["orientation"],
            mask_orientation=row["mask_orientation"],
        )
        (lying if _lies(data, number, row) else upright_ones).append(told)
    return fault("exif-of-one", upright_ones) + fault("mask-not-turned", lying)


def _lies(data: Dataset, number: int, row: dict[str, Any]) -> bool:
    """Whether the mask fits the photo as it is stored better than as it is shown."""
    if row["target"] is None:  # left out for its shape; a quarter turn explains it
        turned = row["width"] * row["mask_width"] / (row["height"] * row["mask_height"])
        return bool(abs(turned - 1) <= SAME_SHAPE)
    if row["mask_orientation"] != 1:
        return False
    mask = _small(data, number)
    kinds = np.repeat(looks(data.thumbnails([number])), 2, axis=0)
    masks = np.stack([mask, resized(np.ascontiguousarray(upright(mask, row["orientation"])), SIDE, SIDE)])
    fits = shared_information(kinds, masks, (BRIGHTNESS * TEXTURE, len(data.classes)))[0]
    return bool(fits[1] > fits[0])


def labelled_differently(data: Dataset) -> list[Fault]:
    """Duplicates whose masks were drawn twice, and how far the two agree: the ceiling that these labels allow."""
    twice = labelled_twice(data)
    if not twice:
        return []
    images = data.images["image"]
    fits = [one.iou for one in twice]
    ceiling = say_count(
        "one picture was labelled twice, with an IoU of {mean:.3f} between the two",
        "{n} pairs: mean IoU {mean:.3f}, from {least:.3f} to {most:.3f}",
        len(fits), mean=sum(fits) / len(fits), least=fits[0], most=fits[-1],
    )  # fmt: skip
    return fault("label-ceiling", [ceiling]) + fault("labelled-differently", [
        say("{first} = {second} (IoU {iou:.3f})", first=images[one.pair.first], second=images[one.pair.second],
            iou=one.iou)
        for one in twice
    ])  # fmt: skip


def belonging(data: Dataset) -> list[Fault]:
    """Masks that seem to be those of other images: by their size, and by what the pictures show."""
    exchanged = _sized_like_another(data)
    rows, masks = small_masks(data)
    if len(rows) < LEAST:
        return fault("mask-of-another-image", exchanged, WARNING)
    place = np.full(len(data), -1)
    place[rows] = np.arange(len(rows))
    found = misfits(
        rows,
        lambda some: fit_of_pictures(data.thumbnails(some.tolist()), masks[place[some]], len(data.classes)),
        BRIGHTNESS * TEXTURE * len(data.classes),
    )
    if found is None:
        told = say_count("{n} image", "{n} images", len(rows))
        return fault("mask-of-another-image", exchanged, WARNING) + fault("masks-fit-by-chance", [told])
    images = data.images["image"]
    named = [
        say("{image} (the mask of {other} fits it)", image=images[one.row], other=images[one.other])
        for one in found if one.other is not None
    ]  # fmt: skip
    alone = [images[one.row] for one in found if one.other is None]
    # Those of another shape are left out of training anyway.
    return fault(
        "mask-of-another-image", named + exchanged, None if named else WARNING, shown=RANKED
    ) + fault("mask-fits-badly", alone, shown=RANKED)


def small_masks(data: Dataset) -> tuple[Array, Array]:
    """(N,) rows whose masks have two classes or more, and (N, SIDE, SIDE) uint8 of them."""
    several = np.flatnonzero((data.shares > 0).sum(axis=1) > 1).tolist()
    drawn = zip(several, ahead(several, lambda row: _small(data, row)), strict=True)
    kept = [(row, mask) for row, mask in drawn if len(np.unique(mask[mask != IGNORE])) > 1]
    masks = np.array([mask for _, mask in kept], dtype=np.uint8)
    return np.array([row for row, _ in kept], dtype=np.int64), masks


def _small(data: Dataset, row: int) -> Array:
    return resized(data.mask(row), SIDE, SIDE)


def _sized_like_another(data: Dataset) -> list[str]:
    """Images left out for the shape of their mask, which has the size of another such image alone."""
    columns = ("image", "width", "height", "mask_width", "mask_height")
    left_out = data.images.filter(pl.col("target").is_null() & pl.col("mask_width").is_not_null())
    apart = left_out.select(columns).to_dicts()
    told = []
    for row in apart:
        fitting = [
            other["image"] for other in apart
            if (other["width"], other["height"]) == (row["mask_width"], row["mask_height"])
        ]  # fmt: skip
        if len(fitting) == 1 and fitting[0] != row["image"]:
            told.append(
                say("{image} (its mask has the size of {other})", image=row["image"], other=fitting[0])
            )
    return told
