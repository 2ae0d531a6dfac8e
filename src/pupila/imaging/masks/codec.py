"""Mask files: read stored values, write and resize class indices."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import TiffImageFile

from pupila.core.messages import number, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.convert import apply_orientation, split_rows
from pupila.imaging.images.cost import decoding_bytes
from pupila.imaging.images.decode import (
    DAMAGE,
    ImageFault,
    ImageLimits,
    check_pixels,
    load_pixels,
    open_image,
    take_memory,
)
from pupila.imaging.images.frames import count_frames
from pupila.imaging.images.tiff import count_pages
from pupila.imaging.masks.arrays import is_array, pack_values, read_array
from pupila.imaging.masks.label_map import NO_DATA, LabelMap, class_colours, unpack_rgb

Array = NDArray[Any]
SAME_SHAPE = 0.02  # of the aspect ratio, within which pictures and masks are laid on each other
_ROUNDED = 0.01  # from a whole number: what arithmetic leaves
_VALUE = 4  # bytes of a pixel of colours or large numbers, beside those of the image
_COMMENT, _INDICES = "Comment", "Pupila: class indices"  # in a PNG file: where it says what its values are
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
    indices: bool = False  # whether the file says that its values are class indices, as those of Pupila do


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
    with take_memory(decoding_bytes(picture, data) + _VALUE * picture.width * picture.height, 0):
        try:
            if page:
                picture.seek(page)
                check_pixels(*picture.size, limits or ImageLimits())
            mode, colours, kind = picture.mode, _palette(picture), str(picture.format)
            pages, no_data = _count_pages(picture, data), _no_data(picture)
            indices = picture.info.get(_COMMENT) == _INDICES
            shown = _shape_channel(load_pixels(picture))
            del picture  # and with it what its codec holds
            values = _read_values(shown, colour, no_data)
        except ImageFault:
            raise
        except DAMAGE as fault:
            raise ImageFault("unreadable", str(fault)) from fault
    coloured = values.dtype == np.int32
    values = apply_orientation(values, orientation)
    palette = () if coloured else colours
    return StoredMask(values, coloured, mode, kind, orientation, palette, pages=pages, indices=indices)


def _count_pages(picture: ImageFile, data: bytes) -> int:
    """Pages or frames of a file; the smaller copies and the validity masks of a TIFF are none."""
    return count_pages(data)[1] if picture.format == "TIFF" else count_frames(picture, data)


def _read_values(picture: Image.Image, colour: bool, no_data: float | None) -> Array:
    """(H, W) grey levels, palette indices or, as int32, colours 0xRRGGBB."""
    if picture.mode in ("1", "L", "P", "LA") and not colour:
        return np.asarray(picture.convert("L") if picture.mode in ("1", "LA") else picture)
    if picture.mode[0] in "IF" and not colour:
        return _deep_values(picture, no_data)
    colours, grey = np.empty((picture.height, picture.width), np.int32), not colour
    for rows, part in split_rows(picture):
        rgb = np.asarray(part.convert("RGB"))
        grey = grey and bool((rgb == rgb[..., :1]).all())  # grey levels saved as RGB
        deep = rgb.astype(np.int32)
        colours[rows] = (deep[..., 0] << 16) | (deep[..., 1] << 8) | deep[..., 2]
    return (colours & 255).astype(np.uint8) if grey else colours


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


def _no_data(picture: Image.Image) -> float | None:
    """The number that a TIFF's tag of GDAL declares to mean no data; None without one, or where it may be a class."""
    if not isinstance(picture, TiffImageFile) or not (tag := picture.tag_v2.get(_TAG)):
        return None
    declared = float(str(tag).strip("\0 "))
    return declared if declared > 255 else None  # a smaller one is a value like others


def _deep_values(picture: Image.Image, no_data: float | None) -> Array:
    """(H, W) of a mask with more than 8 bits: whole numbers, or NO_DATA, as GDAL's tag or no number says.

    Raises:
        ValueError: a number is a fraction.
        ImageFault: a number is too large for a class or an object.
    """
    values = np.empty((picture.height, picture.width), np.uint32)
    for rows, part in split_rows(picture):
        deep = np.asarray(part, dtype=np.float64)
        missing = ~(deep >= 0)
        if no_data is not None:
            missing |= deep == no_data
        present = np.where(missing, 0, deep)
        whole = np.rint(present)
        apart = np.abs(whole - present)
        if apart.max() > _ROUNDED:
            raise ValueError(
                say("fractions, such as {value}, and a mask holds whole numbers: save shades as 0 to 255",
                    value=number(float(deep.ravel()[apart.argmax()]), 3))
            )  # fmt: skip
        values[rows] = pack_values(whole, missing)
    most = int(values.max())
    return values.astype(np.uint8 if most < 256 else np.uint16) if most < NO_DATA else values


def encode_png(mask: Array) -> bytes:
    """(H, W) uint8 class indices as a PNG whose grey levels they are, as its comment says."""
    comment = PngInfo()
    comment.add_text(_COMMENT, _INDICES)
    return _save_png(Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8), "L"), comment)


def encode_palette_png(mask: Array, classes: int) -> bytes:
    """(H, W) uint8 class indices as a PNG with a palette of C colours, whose indices they are.

    Pillow reads the indices, OpenCV the colours.
    """
    picture = Image.fromarray(np.ascontiguousarray(mask, dtype=np.uint8), "L")
    picture.putpalette(class_colours(classes).tobytes())
    return _save_png(picture)


def _save_png(picture: Image.Image, comment: PngInfo | None = None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=comment)
    return buffer.getvalue()


def encode_stored(mask: Array, label_map: LabelMap) -> bytes:
    """(H, W) uint8 class indices as a PNG of stored values, by the label map; 0 where it has no value for an index."""
    table = np.zeros(IGNORE + 1, dtype=np.int64)
    for value, index in reversed(list(zip(label_map.values, label_map.indices, strict=True))):
        table[index] = value
    stored = table[mask]
    shown = unpack_rgb(stored).reshape(*mask.shape, 3) if label_map.colour else stored
    depth = np.uint8 if shown.max(initial=0) < 256 else np.uint16
    return _save_png(Image.fromarray(np.ascontiguousarray(shown, dtype=depth)))


def decode_png(data: bytes) -> Array:
    """(H, W) uint8: the indices of a PNG that `encode_png` or `encode_palette_png` wrote."""
    return np.asarray(Image.open(io.BytesIO(data)))


def resize_mask(mask: Array, height: int, width: int) -> Array:
    """(height, width) uint8: the mask at another size, nearest pixel."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
