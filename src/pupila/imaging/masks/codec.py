"""Masks as files: stored values read, class indices written and resized."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import DAMAGE, ImageFault, ImageLimits, opened, upright
from pupila.imaging.masks.label_map import NO_DATA, Legend, colours, rgb_of

Array = NDArray[Any]
SAME_SHAPE = 0.02  # of the aspect ratio, within which pictures and masks are laid on each other
_TAG = 42113  # GDAL's tag of the value that means that there is no data


@dataclass(frozen=True, slots=True)
class Stored:
    """A mask file as it was read."""

    values: Array  # (H, W), upright: uint8 grey levels or palette indices, uint16 with NO_DATA, int32 colours 0xRRGGBB
    coloured: bool  # whether the values are colours
    mode: str  # Pillow's
    format: str  # "PNG" and the like
    orientation: int  # EXIF 1..8; 1 is upright
    palette: tuple[int, ...] = ()  # the colours 0xRRGGBB of palette indices, where these are the values


def stored_values(data: bytes, colour: bool = False, limits: ImageLimits | None = None) -> Stored:
    """The values of a mask file, upright.

    Args:
        data: of a PNG, TIFF, BMP, GIF, WebP or JPEG file.
        colour: give colours also of a palette and of grey levels; a file with another colour than grey always
            gives colours.
        limits: what to refuse.

    Raises:
        ImageFault: the bytes are empty, no image, damaged or above the limits.
    """
    picture, orientation = opened(data, limits)
    try:
        picture.load()
        shown = _with_the_shape(picture)
        if shown.mode in ("1", "L", "P", "LA") and not colour:
            plain = shown.convert("L") if shown.mode in ("1", "LA") else shown
            values = np.asarray(plain)
        elif shown.mode[0] in "IF" and not colour:
            values = _deep_values(shown)
        else:
            rgb = np.asarray(shown.convert("RGB"))
            grey = not colour and bool((rgb == rgb[..., :1]).all())  # grey levels saved as RGB
            deep = rgb.astype(np.int32)
            values = rgb[..., 0] if grey else (deep[..., 0] << 16) | (deep[..., 1] << 8) | deep[..., 2]
    except DAMAGE as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    coloured = values.dtype == np.int32
    palette = () if coloured else _palette(picture)
    values = upright(values, orientation)
    return Stored(values, coloured, picture.mode, str(picture.format), orientation, palette)


def _palette(picture: Image.Image) -> tuple[int, ...]:
    """The colours 0xRRGGBB of a palette's indices; empty for a picture without a palette."""
    told = iter(picture.getpalette() or ())
    return tuple((red << 16) | (green << 8) | blue for red, green, blue in zip(told, told, told, strict=True))


def _with_the_shape(picture: Image.Image) -> Image.Image:
    """The picture, or its alpha as a grey picture where that alone holds the shape: all of one colour, partly clear."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    *colours, alpha = picture.split()
    plain = all(low == high for low, high in (band.getextrema() for band in colours))
    return alpha if plain and alpha.getextrema()[0] == 0 else picture


def _deep_values(picture: Image.Image) -> Array:
    """(H, W) uint16 of a mask with more than 8 bits: 0..255, or NO_DATA, as GDAL's tag or no number says."""
    deep = np.asarray(picture, dtype=np.float64)
    missing = ~(deep >= 0)
    if isinstance(picture, TiffImageFile) and (told := picture.tag_v2.get(_TAG)):
        no_data = float(str(told).strip("\0 "))
        missing |= (deep == no_data) & (no_data > 255)  # a smaller one is a value like others
    whole = np.rint(np.where(missing, 0, deep))
    if whole.max() > 255:
        whole = (whole + 128) // 257
    return np.where(missing, NO_DATA, np.minimum(whole, 255)).astype(np.uint16)


def as_png(mask: Array, classes: int) -> bytes:
    """(H, W) uint8 class indices as a PNG with a palette, whose indices they are."""
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8), "L")
    picture.putpalette(colours(classes).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def as_stored(mask: Array, legend: Legend) -> bytes:
    """(H, W) uint8 class indices as a PNG with the values that the legend reads as them, 0 for what it has none for."""
    table = np.zeros(IGNORE + 1, dtype=np.int64)
    for value, index in reversed(list(zip(legend.values, legend.indices, strict=True))):
        table[index] = value
    stored = table[mask]
    shown = rgb_of(stored).reshape(*mask.shape, 3) if legend.colour else stored
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def from_png(data: bytes) -> Array:
    """(H, W) uint8: the indices of a PNG that `as_png` wrote."""
    return np.asarray(Image.open(io.BytesIO(data)))


def resized(mask: Array, height: int, width: int) -> Array:
    """(height, width) uint8: the mask at another size, nearest pixel."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
