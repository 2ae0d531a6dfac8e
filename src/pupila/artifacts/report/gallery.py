"""Images on a page: small, upright, embedded."""

import base64
import io

import numpy as np
from PIL import Image

from pupila.artifacts.report.page import PageImage
from pupila.core import files
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array, ImageFault, ImageLimits

SIDE = 128  # pixels of the longer side on the page
WIDE = 240  # of an image that shows details


def load_image(
    uri: str, caption: str, bands: BandSettings | None = None, limits: ImageLimits | None = None
) -> PageImage:
    """The image, small and embedded; if it can no longer be read, its caption says so.

    Args:
        uri: of the image.
        caption: below it.
        bands: how those of a TIFF become colours.
        limits: what to refuse.
    """
    try:
        rgb = read_image(files.read_bytes(uri), bands, limits, SIDE).rgb
    except (ImageFault, OSError) as fault:
        return PageImage("data:,", f"{caption} ({fault})", uri)
    return embed_image(rgb, caption, uri.rpartition("/")[2])


def embed_image(rgb: Array, caption: str, title: str = "") -> PageImage:
    """(H, W, 3) uint8 as a small embedded image."""
    return PageImage(to_data_uri(make_thumbnail(rgb, SIDE)), caption, title)


def embed_wide(rgb: Array, caption: str) -> PageImage:
    """(H, W, 3) uint8 as a wide embedded image."""
    return PageImage(to_data_uri(rgb), caption, wide=True)


def make_thumbnail(rgb: Array, side: int) -> Array:
    """(H, W, 3) uint8, its longer side at most `side` pixels."""
    small = Image.fromarray(rgb)
    small.thumbnail((side, side), reducing_gap=2)
    return np.asarray(small)


def encode_jpeg(rgb: Array, quality: int = 80) -> bytes:
    """(H, W, 3) uint8 as a JPEG without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def to_data_uri(rgb: Array, quality: int = 80) -> str:
    """(H, W, 3) uint8 as a `data:` URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(rgb, quality)).decode()}"
