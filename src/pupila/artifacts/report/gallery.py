"""Photos on a page: small, upright, embedded."""

import base64
import io

import numpy as np
from PIL import Image

from pupila.artifacts.report.page import Picture
from pupila.core import files
from pupila.imaging.geotiff.picture import read_picture
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array, ImageFault, ImageLimits

SIDE = 128  # pixels of the longer side on the page
WIDE = 240  # of a picture that is looked at closely


def picture(
    uri: str, caption: str, bands: BandSettings | None = None, limits: ImageLimits | None = None
) -> Picture:
    """The image as a small embedded photo; a note where it is gone since it was read.

    Args:
        uri: of the image.
        caption: below it.
        bands: how those of a TIFF become colours.
        limits: what to refuse.
    """
    try:
        rgb = read_picture(files.read_bytes(uri), bands, limits, SIDE).rgb
    except (ImageFault, OSError) as fault:
        return Picture("data:,", f"{caption} ({fault})", uri)
    return picture_of(rgb, caption, uri.rpartition("/")[2])


def picture_of(rgb: Array, caption: str, title: str = "") -> Picture:
    """(H, W, 3) uint8 as a small embedded photo."""
    return Picture(embedded(thumbnail(rgb, SIDE)), caption, title)


def drawn(rgb: Array, caption: str) -> Picture:
    """(H, W, 3) uint8 as a wide picture."""
    return Picture(embedded(rgb), caption, wide=True)


def thumbnail(rgb: Array, side: int) -> Array:
    """(H, W, 3) uint8, its longer side no longer than so many pixels."""
    small = Image.fromarray(rgb)
    small.thumbnail((side, side), reducing_gap=2)
    return np.asarray(small)


def as_jpeg(rgb: Array, quality: int = 80) -> bytes:
    """(H, W, 3) uint8 as a JPEG, without whatever the file told besides the pixels."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def embedded(rgb: Array, quality: int = 80) -> str:
    """(H, W, 3) uint8 as a `data:` URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(as_jpeg(rgb, quality)).decode()}"
