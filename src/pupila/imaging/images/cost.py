"""What decoding an image takes at its peak, estimated from its header: the base of the memory budget.

Measured with Pillow 13: an image holds 1 to 4 bytes for each pixel, the RGB result 3 more, and formats whose codec
decodes into memory of its own hold that as well.
"""

import io

from PIL import ImageFile

from pupila.core.messages import say
from pupila.imaging.images.av1 import count_frame_pixels
from pupila.imaging.images.jpeg import coefficient_bytes, read_frame
from pupila.imaging.images.jpeg import find_excess as find_jpeg_excess
from pupila.imaging.images.ppm import is_slow
from pupila.imaging.images.signatures import is_avif
from pupila.imaging.images.tiff import find_excess as find_tiff_excess
from pupila.imaging.images.tiff import read_layout

RESULT = 3  # bytes of a pixel of the result
_ROW = 8  # bytes of the pointer to each row
BASE = 6_000_000  # bytes of bands, tables and buffers
_HELD = {
    "1": 1,
    "L": 1,
    "P": 1,
    "I;16": 2,
    "I;16B": 2,
    "I;16L": 2,
    "I;16N": 2,
}  # bytes of a pixel by mode, else 4
# Bytes of a pixel in a codec's own memory: the canvases of WebP, the planes of AVIF and HEIF, the frame of a GIF.
_CODEC = {"WEBP": 14, "AVIF": 10, "HEIF": 12, "GIF": 2}
_WHOLE = 5  # bytes of a value of JPEG 2000 while it is decoded: a whole number, and the one that is copied
_TILE = 8_000  # bytes of the parameters of a tile of JPEG 2000, for three components
_MOST_TILES = 16_384
_NUMBERS = 3  # bytes of a number of a PPM that is text, and of what it becomes
_MOST_FRAMES = 2  # times the largest image: its colours and its transparency
_SIZE = b"\xff\x4f\xff\x51"  # what a codestream of JPEG 2000 begins with


def decoding_bytes(picture: ImageFile.ImageFile, data: bytes) -> int:
    """Bytes at the peak of decoding an opened image to RGB, beside those of its file."""
    width, height = picture.size
    pixels, held = width * height, _HELD.get(picture.mode, 4)
    codec = _CODEC.get(picture.format or "", 0) * pixels
    if picture.format == "JPEG2000":
        codec = (_WHOLE * len(picture.getbands()) + 1) * pixels + _TILE * _count_tiles(data)
    elif picture.format == "TIFF" and (layout := read_layout(io.BytesIO(data))) is not None:
        codec = layout.unit_bytes
    elif picture.format == "PPM" and is_slow(picture):
        codec = len(data) + _NUMBERS * pixels * len(picture.getbands())
    elif picture.format == "AVIF":
        codec = _CODEC["AVIF"] * max(pixels, count_frame_pixels(data))
    elif picture.format in ("JPEG", "MPO"):
        codec = coefficient_bytes(read_frame(data))
    return BASE + max(codec + held * pixels, (held + RESULT) * pixels) + _ROW * height


def find_excess(data: bytes, most_pixels: int) -> str:
    """Why a file asks for more memory or time than an image of its size needs; empty where it does not.

    Args:
        data: of a file of any format.
        most_pixels: the largest image that is decoded at once.
    """
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return find_tiff_excess(io.BytesIO(data), most_pixels)
    if data[:2] == b"\xff\xd8":
        return find_jpeg_excess(data, read_frame(data))
    if is_avif(data) and (pixels := count_frame_pixels(data)) > _MOST_FRAMES * most_pixels:
        return say("frames of {n} pixels; the limit is {most}", n=pixels, most=_MOST_FRAMES * most_pixels)
    tiles = _count_tiles(data) if data[:4] == _SIZE or data[4:8] == b"jP  " else 0
    if tiles > _MOST_TILES:
        return say("{n} tiles; the limit is {most}", n=tiles, most=_MOST_TILES)
    return ""


def _count_tiles(data: bytes) -> int:
    """The tiles of a JPEG 2000; 0 for another file. Source: ISO/IEC 15444-1, A.5.1."""
    at = data.find(_SIZE)
    if at < 0 or len(data) < at + 40:
        return 0
    right, bottom, _, _, width, height, left, top = (
        int.from_bytes(data[at + 8 + 4 * n : at + 12 + 4 * n]) for n in range(8)
    )
    if not width or not height:
        return 0
    return max(0, -(-(right - left) // width)) * max(0, -(-(bottom - top) // height))
