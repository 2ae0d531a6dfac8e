"""From RGB to the bytes of a small JPEG or PNG, to send to others or to show."""

import base64
import io

import numpy as np
import simplejpeg
from PIL import Image

from pupila.imaging.images.decode import Array

QUALITY = 90  # of JPEG


def fit_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(height, width), pixels, at which the longer side is at most `longest`; a small picture stays as it is."""
    ratio = min(1.0, longest / max(height, width))
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def encode_small_jpeg(rgb: Array, longest: int) -> bytes:
    """The picture as JPEG, without any metadata.

    Args:
        rgb: (H, W, 3) uint8.
        longest: most pixels of the longer side.
    """
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(shrink(rgb, longest)), QUALITY, "RGB", "444"))


def shrink(rgb: Array, longest: int) -> Array:
    """The (H, W, 3) uint8 picture with at most so many pixels on its longer side; a small one stays as it is."""
    height, width = fit_size(rgb.shape[0], rgb.shape[1], longest)
    if (height, width) == rgb.shape[:2]:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS))


def encode_png(rgb: Array) -> bytes:
    """The (H, W, 3) uint8 picture, or (H, W, 4) with its opacity, as PNG, without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def to_data_uri(rgb: Array, longest: int = 96) -> str:
    """The picture, (H, W, 3) uint8, small, as a `data:` URI that a page embeds."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_small_jpeg(rgb, longest)).decode()}"
