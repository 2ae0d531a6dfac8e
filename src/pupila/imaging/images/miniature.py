"""Miniatures: small colour copies of equal size, for looking at many pictures at once and for their colours."""

import numpy as np
from PIL import Image

from pupila.imaging.images.decode import Array

SIDE = 48  # pixels of a miniature's side


def miniature(rgb: Array) -> Array:
    """The colour copy of a picture; its aspect ratio is dropped.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (SIDE, SIDE, 3) uint8.
    """
    return np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2))
