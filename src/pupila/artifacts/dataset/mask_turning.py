"""Masks that lie as the camera stored the photo: turned with it, where their sizes prove it."""

import polars as pl

from pupila.artifacts.dataset.formats.tools.annotations import UNSIZED, UPRIGHT, is_annotation
from pupila.artifacts.dataset.mask_target import is_as_stored
from pupila.core.messages import say_count


def turn_with_photos(images: pl.DataFrame, facts: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The facts of the masks as they lie after turning, and sentences for the user.

    Args:
        images: rows with `width`, `height` and EXIF `orientation`.
        facts: of their masks, row by row.
    """
    if "orientation" not in images.columns:
        return facts, []
    sizes = images.select("height", "width", "orientation").iter_rows()
    own = facts.select("target", "mask_height", "mask_width", "mask_orientation").iter_rows()
    verdicts = [
        False if height is None or orientation == 1
        else _check_annotation(target, is_as_stored((height, width), turned, orientation, (high, wide)))
        for (high, wide, orientation), (target, height, width, turned) in zip(sizes, own, strict=True)
    ]  # fmt: skip
    proven, open_ = verdicts.count(True), verdicts.count(None)
    upright = facts.filter(pl.col("mask_format") == UPRIGHT).height
    relative = facts.filter(pl.col("mask_format").eq_missing(UNSIZED) & (images["orientation"] != 1)).height
    if not proven and not open_ and not upright and not relative:
        return facts, []
    turned = pl.Series([verdict is True for verdict in verdicts])
    facts = facts.with_columns(
        mask_width=pl.when(turned).then("mask_height").otherwise("mask_width"),
        mask_height=pl.when(turned).then("mask_width").otherwise("mask_height"),
        mask_orientation=pl.when(turned).then(images["orientation"]).otherwise("mask_orientation"),
    )
    notes = []
    if upright:
        notes.append(say_count(
            "The annotations of {n} image give the size that the camera stored, but lie on the upright photo, and are "
            "drawn upright.",
            "The annotations of {n} images give the sizes that the camera stored, but lie on the upright photos, and "
            "are drawn upright.",
            upright,
        ))  # fmt: skip
    if relative:
        notes.append(say_count(
            "{n} photo is turned by its EXIF orientation; its outlines, which give no size of the photo, are drawn on "
            "the upright one.",
            "{n} photos are turned by their EXIF orientation; their outlines, which give no sizes of the photos, are "
            "drawn on the upright ones.",
            relative,
        ))  # fmt: skip
    if proven:
        notes.append(say_count(
            "{n} mask lies as the camera stored its photo, and is turned with it by the EXIF orientation.",
            "{n} masks lie as the camera stored their photos, and are turned with them by the EXIF orientation.",
            proven,
        ))  # fmt: skip
    if open_:
        notes.append(say_count(
            "{n} photo is turned by its EXIF orientation, but the size of its mask does not show whether the mask lies "
            "upright; it is read as it is.",
            "{n} photos are turned by their EXIF orientation, but the sizes of their masks do not show whether these "
            "lie upright; they are read as they are.",
            open_,
        ))  # fmt: skip
    return facts, notes


def _check_annotation(target: str, verdict: bool | None) -> bool | None:
    """The verdict on a mask; an annotation whose size does not decide lies upright, as it is shown when drawn."""
    return verdict is True if is_annotation(target) else verdict
