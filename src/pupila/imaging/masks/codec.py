"""Mask files: read stored values, write and resize class indices."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from pupila.core.messages import number, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import (
    DAMAGE,
    ImageFault,
    ImageLimits,
    apply_orientation,
    check_pixels,
    open_image,
)
from pupila.imaging.masks.arrays import is_array, pack_values, read_array
from pupila.imaging.masks.label_map import LabelMap, class_colours, unpack_rgb

Array = NDArray[Any]
SAME_SHAPE = 0.02  # of the aspect ratio, within which pictures and masks are laid on each other
_ROUNDED = 0.01  # from a whole number: what arithmetic leaves
_KIND, _COPY = 254, 0b101  # tag of a TIFF's page, and its bits of a smaller copy and of a validity mask
_TAG = 42113  # GDAL's tag of the value that means that there is no data


@dataclass(frozen=True, slots=True)
class StoredMask:
    """A mask file as it was read."""

    # (H, W), upright: grey levels or palette indices as uint8, uint16 or, with NO_DATA, uint32; int32 colours 0xRRGGBB
    values: Array
    coloured: bool  # whether the values are colours
    mode: str  # Pillow's
    format: str  # "PNG" and the like
    orientation: int  # EXIF 1..8; 1 is upright
    palette: tuple[int, ...] = ()  # the colours 0xRRGGBB of palette indices, where these are the values
    overlap: int = 0  # pixels that several classes claim, where the mask is drawn from layers
    pages: int = 1  # pages or frames of the file


def read_stored_mask(
    data: bytes, colour: bool = False, limits: ImageLimits | None = None, page: int = 0
) -> StoredMask:
    """The values of a mask file, upright.

    Args:
        data: of a PNG, TIFF, BMP, GIF, WebP or JPEG file, or of an array of NumPy.
        colour: give colours also of a palette and of grey levels; a file with another colour than grey always
            gives colours.
        limits: what to refuse.
        page: or frame of the file.

    Raises:
        ImageFault: the bytes are empty, no image, damaged or above the limits, or have no such page.
    """
    if is_array(data):
        array = read_array(data, limits or ImageLimits())
        return StoredMask(array, False, str(array.dtype), "NumPy", 1)
    picture, orientation = open_image(data, limits)
    try:
        if page:
            picture.seek(page)
            check_pixels(*picture.size, limits or ImageLimits())
        picture.load()
        shown = _shape_channel(picture)
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
        mode, colours = picture.mode, _palette(picture)
        pages = count_pages(picture)
    except DAMAGE as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    coloured = values.dtype == np.int32
    values = apply_orientation(values, orientation)
    palette = () if coloured else colours
    return StoredMask(values, coloured, mode, str(picture.format), orientation, palette, pages=pages)


def count_pages(picture: Image.Image) -> int:
    """Pages or frames of a file; the smaller copies and the validity masks of a TIFF are none."""
    count = int(getattr(picture, "n_frames", 1))
    if count == 1 or picture.format == "MPO":  # the second picture of a phone is a preview or depth map
        return 1
    if not isinstance(picture, TiffImageFile):
        return count
    pages = 0
    for page in range(count):
        picture.seek(page)
        pages += not picture.tag_v2.get(_KIND, 0) & _COPY
    return pages


def _palette(picture: Image.Image) -> tuple[int, ...]:
    """The colours 0xRRGGBB of a palette's indices; empty for a picture without a palette."""
    levels = iter(picture.getpalette() or ())
    return tuple(
        (red << 16) | (green << 8) | blue for red, green, blue in zip(levels, levels, levels, strict=True)
    )


def _shape_channel(picture: Image.Image) -> Image.Image:
    """The picture, or its alpha as a grey picture where that alone holds the shape: all of one colour, partly clear."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    *colours, alpha = picture.split()
    plain = all(low == high for low, high in (band.getextrema() for band in colours))
    return alpha if plain and alpha.getextrema()[0] == 0 else picture


def _deep_values(picture: Image.Image) -> Array:
    """(H, W) of a mask with more than 8 bits: whole numbers, or NO_DATA, as GDAL's tag or no number says.

    Raises:
        ValueError: a number is a fraction.
        ImageFault: a number is too large for a class or an object.
    """
    deep = np.asarray(picture, dtype=np.float64)
    missing = ~(deep >= 0)
    if isinstance(picture, TiffImageFile) and (tag := picture.tag_v2.get(_TAG)):
        no_data = float(str(tag).strip("\0 "))
        missing |= (deep == no_data) & (no_data > 255)  # a smaller one is a value like others
    whole = np.rint(np.where(missing, 0, deep))
    apart = np.abs(whole - np.where(missing, 0, deep))
    if apart.max() > _ROUNDED:
        raise ValueError(
            say("fractions, such as {value}, and a mask holds whole numbers: save shades as 0 to 255",
                value=number(float(deep.ravel()[apart.argmax()]), 3))
        )  # fmt: skip
    return pack_values(whole, missing)


def encode_png(mask: Array, classes: int) -> bytes:
    """(H, W) uint8 class indices as a PNG with a palette, whose indices they are."""
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8), "L")
    picture.putpalette(class_colours(classes).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def encode_stored(mask: Array, label_map: LabelMap) -> bytes:
    """(H, W) uint8 class indices as a PNG of stored values, by the label map; 0 where it has no value for an index."""
    table = np.zeros(IGNORE + 1, dtype=np.int64)
    for value, index in reversed(list(zip(label_map.values, label_map.indices, strict=True))):
        table[index] = value
    stored = table[mask]
    shown = unpack_rgb(stored).reshape(*mask.shape, 3) if label_map.colour else stored
    depth = np.uint8 if shown.max(initial=0) < 256 else np.uint16
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown, dtype=depth)).save(buffer, "PNG")
    return buffer.getvalue()


def decode_png(data: bytes) -> Array:
    """(H, W) uint8: the indices of a PNG that `encode_png` wrote."""
    return np.asarray(Image.open(io.BytesIO(data)))


def resize_mask(mask: Array, height: int, width: int) -> Array:
    """(height, width) uint8: the mask at another size, nearest pixel."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
