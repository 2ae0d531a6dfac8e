"""The same object before another background."""

import numpy as np
from PIL import Image

from pupila.imaging.corruptions.light import to_uint8
from pupila.imaging.images.decode import Array
from pupila.imaging.masks.codec import resize_mask

GREY = 128  # of a background that no image gives


def background_alone(rgb: Array, background: Array) -> Array:
    """An image without its objects: their pixels have the mean colour of the others; grey where there are no others.

    Args:
        rgb: (H, W, 3) uint8.
        background: (H, W) bool: the pixels that are background.
    """
    if not background.any():
        return np.full_like(rgb, GREY)
    mean = to_uint8(rgb[background].mean(axis=0))
    return np.where(background[..., None], rgb, mean)


def replace_background(rgb: Array, share: float, background: Array, other: Array) -> Array:
    """The image before another background; its objects stay as they are.

    Args:
        rgb: (H, W, 3) uint8.
        share: 0..1 of the other background; 1 replaces it.
        background: (h, w) bool: the pixels that are background, at any size of the same shape.
        other: (h, w, 3) uint8 of any size, stretched over the image; see `background_alone`.
    """
    height, width = rgb.shape[:2]
    outside = resize_mask(background.astype(np.uint8), height, width).astype(bool)
    stretched = np.asarray(Image.fromarray(other).resize((width, height), Image.Resampling.BILINEAR))
    blended = to_uint8((1 - np.float32(share)) * rgb + np.float32(share) * stretched)
    return np.where(outside[..., None], blended, rgb)
