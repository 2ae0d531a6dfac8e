"""Decode image bytes to an upright RGB array: shared by training, export, the command line and the server."""

import contextlib
import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin, UnidentifiedImageError, features
from pydantic import Field, PositiveInt

from pupila.core.errors import MissingExtra
from pupila.core.messages import say
from pupila.core.settings import Settings
from pupila.imaging.images.budget import NoMemory, reserve
from pupila.imaging.images.convert import apply_orientation, has_alpha, to_rgb
from pupila.imaging.images.cost import RESULT, decoding_bytes, find_excess
from pupila.imaging.images.frames import count_frames
from pupila.imaging.images.heif import open_heif
from pupila.imaging.images.jpeg import coefficient_bytes, read_frame
from pupila.imaging.images.jpeg import find_excess as find_jpeg_excess
from pupila.imaging.images.libtiff import silence_tiff_readers
from pupila.imaging.images.png import has_late_exif
from pupila.imaging.images.ppm import is_slow, load_numbers
from pupila.imaging.images.signatures import describe_content, has_image_signature, is_avif, is_heif

Array = NDArray[Any]

DECODER = "7"  # changes whenever the same bytes could give other pixels or facts: part of every cache key
FORMATS = {"JPEG": ".jpg .jpeg .jpe .jfif", "MPO": ".jpg .jpeg .mpo", "PNG": ".png .apng",
           "WEBP": ".webp", "TIFF": ".tif .tiff", "BMP": ".bmp .dib", "GIF": ".gif", "PPM": ".ppm .pgm .pbm .pnm",
           "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx", "AVIF": ".avif .avifs", "HEIF": ".heic .heif .hif"}  # fmt: skip
# Pillow opens MPO through its JPEG reader, and HEIF through an extra.
_OPENABLE = [name for name in FORMATS if name not in ("MPO", "HEIF")]
DEEP_COLOUR = "RGB;16"  # the mode of colours of 16 bits, of which Pillow reads the upper 8
_BITS = 8
_MOST_SIDE = 1_000_000  # pixels: rows have a price of their own, and no model has a use for a line
_MOST_EXIF = 1_048_576  # bytes: numbers take ten times as much once they are read
_JPEG_START = b"\xff\xd8\xff"
_TIFF_STARTS = (b"II", b"MM")
_HEAD = 65_536  # bytes at the start in which a JPEG declares EXIF and further images
# What Pillow raises on damaged bytes, by its readers of TIFF, GIF and AVIF above all.
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, EOFError,
           RuntimeError, struct.error, Image.DecompressionBombError)  # fmt: skip


class ImageLimits(Settings):
    """Limits that are checked before a pixel is decoded."""

    max_bytes: PositiveInt = Field(default=100_000_000, description="largest image file, bytes")
    max_pixels: PositiveInt = Field(
        default=89_000_000, le=178_000_000, description="largest image, pixels (width x height)"
    )


class ImageFault(ValueError):
    """Bytes that can't be used as an image.

    Args:
        code: `empty-file`, `not-an-image`, `unreadable`, `truncated`, `oversized`, `missing-extra` or `invalid-base64`.
        reason: one clause for the user.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Header:
    """The properties of an image that are read before any pixel is decoded."""

    format: str  # a key of FORMATS, "JPEG" for MPO
    width: int  # pixels, upright (after the EXIF orientation)
    height: int  # pixels, upright
    mode: (
        str  # Pillow's, or DEEP_COLOUR; "CMYK", "L", "RGB" for JPEG; rasterio's type of a TIFF that it reads
    )
    bands: int  # channels in the file
    orientation: int  # EXIF 1..8; 1 is upright
    frames: int  # pages or animation frames; the first is read
    alpha: bool  # any transparency, also in a palette
    taken: str  # EXIF time "YYYY:MM:DD HH:MM:SS", or ""
    camera: str  # EXIF make and model, or ""


def probe(data: bytes, limits: ImageLimits | None = None) -> Header:
    """Read the header and check the limits.

    Raises:
        ImageFault: empty, no image, or larger than the limits.
    """
    limits = limits or ImageLimits()
    check_bytes(data, limits)
    if (plain := _plain_jpeg(data)) is not None:
        check_pixels(plain.width, plain.height, limits)
        return plain
    picture = _open(data, limits)
    width, height = picture.size
    check_pixels(width, height, limits)
    orientation, taken, camera = _exif(picture, data)
    if orientation >= 5 and picture.format != "TIFF":  # Pillow gives a TIFF's size upright
        width, height = height, width
    return Header(
        format="JPEG" if picture.format == "MPO" else str(picture.format),
        width=width,
        height=height,
        mode=DEEP_COLOUR if _has_deep_colours(picture, data) else picture.mode,
        bands=len(picture.getbands()),
        orientation=orientation,
        alpha=has_alpha(picture),
        taken=taken,
        camera=camera,
        frames=_frames(picture, data),
    )


def decode(
    data: bytes,
    limits: ImageLimits | None = None,
    min_side: int | None = None,
    header: Header | None = None,
    levels: tuple[float, float] | None = None,
) -> Array:
    """The first picture in the bytes, upright.

    Transparent pixels are laid on white; 16-bit grey is divided by 257, or scaled by the
    levels; grey and CMYK become RGB.

    Args:
        data: a file of one of `FORMATS`.
        limits: what to refuse; the defaults of `ImageLimits` where None.
        min_side: a JPEG may be decoded at some eighths of its size, down to this length of its shorter
            side in pixels (an image that is smaller stays as it is). None decodes it whole.
        header: of `probe` for these bytes, which saves reading it again.
        levels: the values of 16-bit grey that become black and white; others have no use for them.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageFault: the bytes are empty, no image, damaged, truncated or above the limits.
    """
    limits = limits or ImageLimits()
    check_bytes(data, limits)
    if data[:3] == _JPEG_START:
        rgb = _decode_jpeg(data, limits, min_side, header)
        if rgb is not None:
            return rgb
    picture, orientation = open_image(data, limits)
    with take_memory(decoding_bytes(picture, data), RESULT * picture.width * picture.height):
        try:
            loaded = load_pixels(picture)
            del picture  # and with it what its codec holds
            rgb = to_rgb(loaded, orientation, levels)
            del loaded  # before memory goes back to the system
            return rgb
        except DAMAGE as fault:
            raise _damage_fault(str(fault)) from fault


def load_pixels(picture: ImageFile.ImageFile) -> Image.Image:
    """The decoded image; what the file's reader holds besides is freed once the file is no longer used.

    Raises:
        one of `DAMAGE`: the pixels are damaged.
    """
    if is_slow(picture):
        return load_numbers(picture)
    picture.load()
    return picture._new(picture.im)


@contextlib.contextmanager
def take_memory(needed: int, retained: int) -> Iterator[None]:
    """Within it, the budget of all threads holds the bytes of one decoding.

    Args:
        needed: at the peak.
        retained: of the result.

    Raises:
        ImageFault: `oversized`, where the budget is less.
        NoMemory: others did not free it in time.
    """
    try:
        with reserve(needed, retained):
            yield
    except NoMemory as lack:
        if lack.busy:
            raise
        raise ImageFault("oversized", say("decoding it takes {n} bytes; the limit is {most}",
                                          n=lack.needed, most=lack.total)) from lack  # fmt: skip


def open_image(data: bytes, limits: ImageLimits | None = None) -> tuple[ImageFile.ImageFile, int]:
    """The image as Pillow opens it, and the EXIF orientation left to apply (Pillow applies a TIFF's itself).

    Raises:
        ImageFault: empty, no image, or above the limits.
    """
    limits = limits or ImageLimits()
    check_bytes(data, limits)
    picture = _open(data, limits)
    check_pixels(*picture.size, limits)
    return picture, 1 if picture.format == "TIFF" else _exif(picture, data)[0]


def value_range(rgb: Array) -> int:
    """Levels, 0..255, between the darkest and the brightest value of the channel where they are furthest apart."""
    extremes = Image.fromarray(rgb).getextrema()
    return max(int(high) - int(low) for low, high in extremes)  # type: ignore[misc]


def check_bytes(data: bytes, limits: ImageLimits) -> None:
    """Refuse a file without bytes, or with more than allowed.

    Raises:
        ImageFault: `empty-file` or `oversized`.
    """
    if not data:
        raise ImageFault("empty-file", say("the file has no bytes"))
    if len(data) > limits.max_bytes:
        raise ImageFault(
            "oversized", say("{n} bytes; the limit is {most}", n=len(data), most=limits.max_bytes)
        )


def check_pixels(width: int, height: int, limits: ImageLimits) -> None:
    """Refuse more pixels than allowed.

    Raises:
        ImageFault: `oversized`.
    """
    if max(width, height) > _MOST_SIDE:
        raise ImageFault("oversized", say("{width} x {height} pixels; the limit is {most} on a side",
                                          width=width, height=height, most=_MOST_SIDE))  # fmt: skip
    if width * height > limits.max_pixels:
        raise ImageFault("oversized", say("{width} x {height} pixels; the limit is {most} in total",
                                          width=width, height=height, most=limits.max_pixels))  # fmt: skip


def _open(data: bytes, limits: ImageLimits) -> ImageFile.ImageFile:
    if excess := find_excess(data, limits.max_pixels):
        raise ImageFault("oversized", excess)
    try:
        if is_heif(data):
            return open_heif(data)
        if is_avif(data) and not features.check("avif"):
            raise ImageFault(
                "unreadable", say("AVIF, which this build of Pillow can't read: convert it to JPEG")
            )
        if data.startswith(_TIFF_STARTS):
            silence_tiff_readers()
        return Image.open(io.BytesIO(data), formats=_OPENABLE)
    except MissingExtra as lack:
        raise ImageFault("missing-extra", " ".join(str(lack).split())) from lack
    # The warning is raised where warnings are errors.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        pixels = re.search(r"\((\d+) pixels\)", str(fault))
        text = say(
            "{n} pixels; the limit is {most} in total", n=pixels[1] if pixels else "", most=limits.max_pixels
        )
        raise ImageFault("oversized", text) from fault
    except UnidentifiedImageError as fault:
        code = "unreadable" if has_image_signature(data) else "not-an-image"
        formats = ", ".join(name for name in FORMATS if name != "MPO")
        raise ImageFault(code, describe_content(data, formats)) from fault
    except ImageFault:
        raise
    except DAMAGE as fault:
        raise _damage_fault(str(fault)) from fault


def _damage_fault(message: str) -> ImageFault:
    lower = message.lower()
    cut = any(word in lower for word in ("truncated", "premature", "unexpected end", "eof", "not enough"))
    return ImageFault(
        "truncated" if cut else "unreadable", " ".join(message.split()) or say("damaged pixel data")
    )


def _decode_jpeg(
    data: bytes, limits: ImageLimits, min_side: int | None, header: Header | None
) -> Array | None:
    """(H, W, 3) by libjpeg-turbo, or None where Pillow has to decide (CMYK, odd headers)."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    check_pixels(width, height, limits)
    frame = read_frame(data)
    if excess := find_jpeg_excess(data, frame):
        raise ImageFault("oversized", excess)
    if colours not in ("Gray", "YCbCr", "RGB"):
        return None
    if header is not None:
        orientation = header.orientation
    else:
        orientation = _exif(_open(data, limits), data)[0] if _may_have_exif(data) else 1
    least = min(min_side, width, height) if min_side else 0
    result = RESULT * width * height
    copies = 1 if orientation == 1 else 2
    with take_memory(copies * result + coefficient_bytes(frame), result):
        try:
            pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=least, min_width=least)
        except ValueError as fault:
            if "premature" in str(fault).lower():
                raise ImageFault("truncated", say("the file ends in the middle of the image")) from fault
            return None  # extra bytes between markers and the like: Pillow reads on
        return apply_orientation(pixels, orientation) if orientation != 1 else pixels


def _plain_jpeg(data: bytes) -> Header | None:
    """The header of a JPEG without EXIF and further pictures, which libjpeg-turbo reads alone; None for others."""
    if data[:3] != _JPEG_START or _may_have_exif(data) or data.find(b"MPF\0", 0, _HEAD) >= 0:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    mode = {"Gray": "L", "YCbCr": "RGB", "RGB": "RGB"}.get(colours, "CMYK")
    bands = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    return Header("JPEG", width, height, mode, bands, 1, 1, False, "", "")


def _may_have_exif(data: bytes) -> bool:
    return data.find(b"Exif\0\0", 0, _HEAD) >= 0


def _exif(picture: Image.Image, data: bytes) -> tuple[int, str, str]:
    """(orientation 1..8, time taken, camera); a damaged block counts as none."""
    if picture.format in ("JPEG", "MPO") and not _may_have_exif(data):
        return 1, "", ""
    if picture.format in ("BMP", "GIF"):
        return 1, "", ""
    if len(picture.info.get("exif") or b"") > _MOST_EXIF:
        return 1, "", ""
    try:
        # Pillow decodes a PNG without EXIF, in case some follows the pixels.
        plain = picture.format == "PNG" and not has_late_exif(data)
        exif = Image.Image.getexif(picture) if plain else picture.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal, "")
        camera = f"{exif.get(ExifTags.Base.Make, '')} {exif.get(ExifTags.Base.Model, '')}"
    except DAMAGE:
        return 1, "", ""
    valid = isinstance(orientation, int) and 1 <= orientation <= 8
    return (orientation if valid else 1), str(taken).strip("\0 "), camera.replace("\0", "").strip()


def _frames(picture: ImageFile.ImageFile, data: bytes) -> int:
    """Pages or animation frames; 1 where they can't be counted, for the first alone is read."""
    try:
        return count_frames(picture, data)
    except DAMAGE:
        return 1


def _has_deep_colours(picture: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether a PNG or TIFF has 16 bits for each colour. Source: PNG specification, IHDR, the byte of the bit depth."""
    if picture.mode not in ("RGB", "RGBA"):
        return False
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        bits = picture.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (8,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) > _BITS)
    return picture.format == "PNG" and data[24] > _BITS


def measure_range(data: bytes, limits: ImageLimits | None = None) -> tuple[int, int]:
    """The least and the greatest value of a grey image of more than 8 bits.

    Raises:
        ImageFault: the bytes are no such image, damaged, or above the limits.
    """
    picture, _ = open_image(data, limits)
    if not picture.mode.startswith("I"):
        raise ImageFault("unreadable", say("an image of 8 bits"))
    with take_memory(decoding_bytes(picture, data), 0):
        try:
            low, high = np.asarray(load_pixels(picture).getextrema()).tolist()  # of one band
        except DAMAGE as fault:
            raise _damage_fault(str(fault)) from fault
    return int(low), int(high)
