"""From an image as Pillow holds it to upright RGB, by bands of rows: without a second copy of the image."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pupila.core.messages import say

Array = NDArray[Any]
BAND = 262_144  # pixels that are converted at once
_WHITE = 255


def to_rgb(picture: Image.Image, orientation: int, levels: tuple[float, float] | None) -> Array:
    """(H, W, 3) uint8, upright: transparent pixels on white, deep grey divided by 257 or scaled by the levels.

    Args:
        picture: loaded; its pixels stay in memory, 1 to 4 bytes each.
        orientation: EXIF 1..8, which is undone.
        levels: the values of 16-bit grey that become black and white.

    Raises:
        ValueError: floating-point pixels.
    """
    convert = _converter(picture, levels)
    width, height = picture.size
    upright = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = as_stored(upright, orientation)
    for rows, part in split_rows(picture):
        stored[rows] = convert(part)
    return upright


def split_rows(picture: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """The picture in parts of whole rows, of `BAND` pixels: together they cost less memory than all at once."""
    step = max(1, BAND // max(1, picture.width))
    if picture.height <= step:  # nothing is copied
        yield slice(0, picture.height), picture
        return
    for top in range(0, picture.height, step):
        rows = slice(top, min(top + step, picture.height))
        yield rows, picture.crop((0, rows.start, picture.width, rows.stop))


def as_stored(upright: Array, orientation: int) -> Array:
    """An upright array in the orientation in which a file stores it: a view.

    Args:
        upright: (H, W, ...).
        orientation: 1..8 of the EXIF standard; anything else counts as 1.

    Source: Exif 2.32, tag 0x0112.
    """
    if orientation in (3, 4, 7, 8):
        upright = upright[::-1]
    if orientation in (2, 3, 6, 7):
        upright = upright[:, ::-1]
    return upright.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else upright


def apply_orientation(pixels: Array, orientation: int) -> Array:
    """Undo an EXIF orientation.

    Args:
        pixels: (H, W, ...) as stored.
        orientation: 1..8 of the EXIF standard; anything else counts as 1.

    Returns:
        (H, W, ...) or, for 5..8, (W, H, ...), contiguous.

    Source: Exif 2.32, tag 0x0112.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def has_alpha(picture: Image.Image) -> bool:
    """Whether any pixel may be transparent, also by a palette."""
    return picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info


def _converter(picture: Image.Image, levels: tuple[float, float] | None) -> Callable[[Image.Image], Array]:
    """What gives the colours of a part of the picture, (h, w, 3) or grey (h, w, 1) uint8."""
    if picture.mode.startswith("I"):  # 16-bit grey, or 32-bit integers that hold it
        return _narrow if levels is None else lambda part: _scale(part, *levels)
    if picture.mode == "F":
        raise ValueError(say("floating-point pixels are not supported; save the image with 8 or 16 bits"))
    if has_alpha(picture):
        return _lay_on_white
    return lambda part: np.asarray(part if part.mode == "RGB" else part.convert("RGB"))


def _narrow(part: Image.Image) -> Array:
    grey = np.clip(np.asarray(part).astype(np.int32), 0, 65_535)
    return np.asarray(((grey + 128) // 257).astype(np.uint8)[..., None])


def _scale(part: Image.Image, low: float, high: float) -> Array:
    scaled = (np.asarray(part).astype(np.float32) - low) * (255 / (high - low)) + 0.5
    return np.asarray(np.clip(scaled, 0, 255).astype(np.uint8)[..., None])


def _lay_on_white(part: Image.Image) -> Array:
    part = part.convert("RGBA")
    ground = Image.new("RGBA", part.size, (_WHITE,) * 4)
    return np.asarray(Image.alpha_composite(ground, part).convert("RGB"))
