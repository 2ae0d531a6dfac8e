"""Checks on single pictures: how they are stored, and whether they show anything."""

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.stages.doctor.faults import Fault, fault

ONE_COLOUR_SPREAD = 3.0  # grey levels between the darkest and the brightest value of any channel
EXTREME_ASPECT = 4.0  # longer side over shorter side
TINY = 32  # pixels, shorter side
GREY_MODES = ("L", "LA", "1", "I", "I;16", "I;16B")
FEW_GREY = 0.9  # above this share of grey images the coloured ones are the exception


def exif_rotated(data: Dataset) -> list[Fault]:
    """Photos whose EXIF orientation is not upright."""
    return _named("exif-rotated", data, pl.col("orientation") != 1)


def one_colour(data: Dataset) -> list[Fault]:
    """Pictures whose every channel is flat; a dark photo with structure is none."""
    return _named("one-colour", data, pl.col("spread") <= ONE_COLOUR_SPREAD)


def extreme_aspect(data: Dataset) -> list[Fault]:
    """Pictures more than four times as long as wide."""
    longer = pl.max_horizontal("width", "height") > EXTREME_ASPECT * pl.min_horizontal("width", "height")
    return _sized("extreme-aspect", data, longer)


def tiny(data: Dataset) -> list[Fault]:
    """Pictures whose shorter side is under 32 pixels."""
    return _sized("tiny", data, pl.min_horizontal("width", "height") < TINY)


def many_frames(data: Dataset) -> list[Fault]:
    """Animations and documents of several pages."""
    return _named("many-frames", data, pl.col("frames") > 1)


def sixteen_bit(data: Dataset) -> list[Fault]:
    """Pictures with more than 8 bits a channel."""
    return _named("sixteen-bit", data, pl.col("mode").str.starts_with("I"))


def transparent(data: Dataset) -> list[Fault]:
    """Pictures with an alpha channel or a transparent palette entry."""
    return _named("transparent", data, pl.col("alpha"))


def grey_and_colour(data: Dataset) -> list[Fault]:
    """Files stored grey where others are stored in colour."""
    grey = data.images.filter(pl.col("mode").is_in(GREY_MODES))
    if not 0 < grey.height < data.images.height:
        return []
    odd = (
        grey if grey.height <= FEW_GREY * len(data) else data.images.filter(~pl.col("mode").is_in(GREY_MODES))
    )
    return fault(
        "grey-and-colour", [f"{image} ({mode})" for image, mode in odd.select("image", "mode").iter_rows()]
    )


def _named(code: str, data: Dataset, condition: pl.Expr) -> list[Fault]:
    return fault(code, data.images.filter(condition)["image"].to_list())


def _sized(code: str, data: Dataset, condition: pl.Expr) -> list[Fault]:
    rows = data.images.filter(condition).select("image", "width", "height").iter_rows()
    return fault(code, [say("{image} ({width} x {height})", image=i, width=w, height=h) for i, w, h in rows])
