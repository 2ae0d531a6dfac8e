"""Less detail: blur, noise, JPEG compression, and fewer pixels.

Lengths are relative to a reference side, so that a small and a large photo of one scene are made equally worse.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

from pupila.imaging.corruptions.light import to_uint8
from pupila.imaging.images.decode import Array

GRAINS = 256  # of noise, along the reference side


def blur(rgb: Array, share: float, side: float) -> Array:
    """Gaussian blur, as out of focus.

    Args:
        rgb: (H, W, 3) uint8.
        share: sigma, as a share of the reference side.
        side: the reference side, pixels.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "gaussian blur": sigma of 0.4 % to 2.7 % of 224 pixels.
    """
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(share * side)))


def add_noise(rgb: Array, sigma: float, side: float, random: np.random.Generator) -> Array:
    """Gaussian noise, as in a dark room at high sensitivity.

    Args:
        rgb: (H, W, C) uint8.
        sigma: standard deviation, as a share of 255.
        side: the reference side, pixels; it has 256 grains, whose borders are sharp.
        random: decides the noise; an equal state gives the same noise at every sigma.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "gaussian noise".
    """
    height, width, channels = rgb.shape
    rows, columns = (max(1, round(length * GRAINS / side)) for length in (height, width))
    noise = random.standard_normal((channels, rows, columns), dtype=np.float32)
    enlarged = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BOX)) for plane in noise
    ]
    return to_uint8(rgb + np.float32(255 * sigma) * np.stack(enlarged, axis=-1))


def compress_jpeg(rgb: Array, setting: int) -> Array:
    """Through the bytes of a JPEG: blocks, and colours at half the resolution.

    Args:
        rgb: (H, W, 3) uint8.
        setting: the quality, 1..95, as libjpeg counts it.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "jpeg compression": quality 25 to 7.
    """
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=setting)
    return np.asarray(Image.open(buffer))


def lower_resolution(rgb: Array, pixels: int, side: float) -> Array:
    """Down to fewer pixels, and up again: a subject far away, or a small copy.

    Args:
        rgb: (H, W, 3) uint8.
        pixels: that the reference side has left; an image with fewer stays as it is.
        side: the reference side, pixels.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "pixelate", here with bilinear resampling both ways.
    """
    if pixels >= side:
        return rgb
    height, width, _ = rgb.shape
    small = Image.fromarray(_scale(rgb, pixels / side))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def limit_side(rgb: Array, pixels: int | None) -> Array:
    """(h, w, 3) uint8 whose shorter side is at most so many pixels; None, or a smaller image, changes nothing."""
    side = min(rgb.shape[:2])
    return rgb if pixels is None or side <= pixels else _scale(rgb, pixels / side)


def _scale(rgb: Array, ratio: float) -> Array:
    """(h, w, 3) uint8: both sides times the ratio, a pixel at least."""
    height, width, _ = rgb.shape
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
