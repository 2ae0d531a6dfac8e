"""Images from memory as the bytes of a file, so that they are prepared exactly like files."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array

Picture = Image.Image
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # of Pillow, that PNG stores as they are
_MOST = 2**16 - 1  # value of a grey pixel
_CAPTION_LINES = 4  # of an image on a sheet
_DEPTHS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.bool_))


@dataclass(frozen=True, slots=True)
class NamedBytes:
    """The bytes of an image file that is only in memory."""

    name: str
    data: bytes


def source_name(source: str | NamedBytes) -> str:
    """The address of a file, or the name of an image in memory."""
    return source if isinstance(source, str) else source.name


def is_picture(value: object) -> bool:
    """Whether this is an image in memory: of Pillow, or a numpy array of one image."""
    return isinstance(value, Image.Image | np.ndarray)


def encode_lossless(picture: "Image.Image | Array") -> bytes:
    """The image as PNG, or as TIFF for Pillow's CMYK, float and other modes that PNG lacks.

    Args:
        picture: Pillow's; its EXIF orientation is retained. Or (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA,
            uint8; grey also uint16 or bool.

    Raises:
        PupilaError: an array of another shape or type, a picture that no file format keeps, or one of mode I with
            values outside 0..65535.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(_check(picture))
    stream = io.BytesIO()
    try:
        exif = image.getexif()
        if image.mode == "I":
            image = _narrow(image)
        if image.mode in _PNG_MODES:
            image.save(stream, "PNG", compress_level=1, exif=exif)
        else:
            image.save(stream, "TIFF", compression="tiff_lzw")
    except (OSError, ValueError) as fault:  # an odd mode, no pixels, or a closed file
        raise PupilaError(
            say("Not an image"), actual=f"{image.mode}, {image.width} x {image.height}: {fault}",
            expected=say("an open Pillow image with pixels"), remedy="image.convert('RGB')",
        ) from fault  # fmt: skip
    return stream.getvalue()


def _narrow(image: Picture) -> Picture:
    """An image of 32 bits as one of 16, which is what PNG holds and what images are read with.

    Raises:
        PupilaError: a value does not fit.
    """
    pixels = np.asarray(image)
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > _MOST:
        raise PupilaError(
            say("Not an image"), actual=say("mode I with values from {low} to {high}", low=low, high=high),
            expected=say("values from 0 to {high}", high=_MOST), remedy=say("scale the values into this range"),
        )  # fmt: skip
    return Image.fromarray(pixels.astype(np.uint16))


def _check(pixels: Array) -> Array:
    """The array as Pillow takes it."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    grey = pixels.ndim == 2
    sound = pixels.size > 0 and (grey or (pixels.ndim == 3 and pixels.shape[2] in (3, 4)))
    if sound and (pixels.dtype == np.uint8 or (grey and pixels.dtype in _DEPTHS)):
        return np.ascontiguousarray(pixels)
    raise PupilaError(
        say("Not an image"), actual=say("an array of shape {shape}, {type}", shape=pixels.shape, type=pixels.dtype),
        expected=say("(height, width, 3) or (height, width), uint8 from 0 to 255; grey also uint16 from 0 to {high}",
                     high=_MOST), remedy=_advise(pixels),
    )  # fmt: skip


def _advise(pixels: Array) -> str:
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3, 4):
        return "array.transpose(1, 2, 0)"
    if pixels.dtype.kind == "f":
        return "(255 * array).round().astype('uint8')"
    return ""


def contact_sheet(images: list[tuple[Array, str]], columns: int, side: int) -> Any:
    """Many images in one, row by row, each with a caption below it: a Pillow image, which a notebook shows.

    Args:
        images: ((H, W, 3) uint8, caption) each.
        columns: images in a row.
        side: longest side of an image on the sheet, pixels.
    """
    from PIL import ImageDraw, ImageOps

    line, gap = 14, 6
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    cell = side + gap
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    captions = [_wrap(pen, caption, side) for _, caption in images]
    below = line * max(len(lines) for lines in captions)
    sheet = Image.new("RGB", (columns * cell + gap, rows * (cell + below) + gap), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for number, ((rgb, _), lines) in enumerate(zip(images, captions, strict=True)):
        left, top = gap + number % columns * cell, gap + number // columns * (cell + below)
        small = ImageOps.contain(Image.fromarray(rgb), (side, side))  # a small image is enlarged
        sheet.paste(small, (left + (side - small.width) // 2, top + (side - small.height) // 2))
        for place, text in enumerate(lines):
            pen.text((left, top + side + 1 + place * line), text, fill=(40, 40, 40))
    return sheet


def _wrap(pen: Any, caption: str, width: int) -> list[str]:
    """A caption in lines that fit the width: broken between words; of a longer one, the beginning."""
    text = caption.encode("latin-1", errors="replace").decode("latin-1")  # what Pillow's own font has
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if not lines[-1] or pen.textlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > _CAPTION_LINES:
        lines = [*lines[: _CAPTION_LINES - 1], f"{lines[_CAPTION_LINES - 1]} ..."]
    return [_fit(pen, each, width) for each in lines]


def _fit(pen: Any, text: str, width: int) -> str:
    """The beginning of a text that fits the width."""
    while text and pen.textlength(text) > width:
        text = text[:-1]
    return text
