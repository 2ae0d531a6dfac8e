"""Checks on single images: how they are stored, and whether they show anything."""

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core.messages import number, say
from pupila.imaging.images.decode import DEEP_COLOUR
from pupila.stages.doctor.faults import fault

ONE_COLOUR_SPREAD = 3.0  # grey levels between the darkest and the brightest value of any channel
EXTREME_ASPECT = 4.0  # longer side over shorter side
TINY = 32  # pixels, shorter side
GREY_MODES = ("L", "LA", "1", "I", "I;16", "I;16B")
MAX_GREY_SHARE = 0.9  # above this share of grey images, the colour images are the exception


def exif_rotated(data: Dataset) -> list[Fault]:
    """Photos whose EXIF orientation is not upright."""
    return _faults_of_rows("exif-rotated", data, pl.col("orientation") != 1)


def single_colour(data: Dataset) -> list[Fault]:
    """Images whose every channel is flat; a dark photo with structure is not one."""
    return _faults_of_rows("single-colour", data, pl.col("spread") <= ONE_COLOUR_SPREAD)


def extreme_aspect_ratio(data: Dataset) -> list[Fault]:
    """Images more than four times as long as wide."""
    longer = pl.max_horizontal("width", "height") > EXTREME_ASPECT * pl.min_horizontal("width", "height")
    return _faults_with_size("extreme-aspect-ratio", data, longer)


def tiny(data: Dataset) -> list[Fault]:
    """Images whose shorter side is under 32 pixels."""
    return _faults_with_size("tiny", data, pl.min_horizontal("width", "height") < TINY)


def multi_frame(data: Dataset) -> list[Fault]:
    """Animations and documents of several pages."""
    return _faults_of_rows("multi-frame", data, pl.col("frames") > 1)


def sixteen_bit(data: Dataset) -> list[Fault]:
    """Images with more than 8 bits per channel, and whether they are scaled by a smaller range than the type's."""
    deep, levels = pl.col("mode").str.starts_with("I"), data.bands and data.bands.levels()
    if not levels:
        return _faults_of_rows("sixteen-bit", data, deep | (pl.col("mode") == DEEP_COLOUR))
    low, high = (number(level, 0) for level in levels)
    return fault("narrow-range", [say("{image} (scaled so that {low} is black and {high} white)",
                                      image=image, low=low, high=high)
                                  for image in data.images.filter(deep)["image"]])  # fmt: skip


def transparent(data: Dataset) -> list[Fault]:
    """Images with an alpha channel or a transparent palette entry."""
    return _faults_of_rows("transparent", data, pl.col("alpha"))


def mixed_colour_modes(data: Dataset) -> list[Fault]:
    """Images stored in grey where others are stored in colour, or the reverse; the rarer kind is listed."""
    grey = data.images.filter(pl.col("mode").is_in(GREY_MODES))
    if not 0 < grey.height < data.images.height:
        return []
    odd = (
        grey
        if grey.height <= MAX_GREY_SHARE * len(data)
        else data.images.filter(~pl.col("mode").is_in(GREY_MODES))
    )
    return fault(
        "mixed-colour-modes", [f"{image} ({mode})" for image, mode in odd.select("image", "mode").iter_rows()]
    )


def _faults_of_rows(code: str, data: Dataset, condition: pl.Expr) -> list[Fault]:
    return fault(code, data.images.filter(condition)["image"].to_list())


def _faults_with_size(code: str, data: Dataset, condition: pl.Expr) -> list[Fault]:
    rows = data.images.filter(condition).select("image", "width", "height").iter_rows()
    return fault(code, [say("{image} ({width} x {height})", image=i, width=w, height=h) for i, w, h in rows])
