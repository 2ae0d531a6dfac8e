"""Masks and prompts drawn over pictures."""

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pupila.imaging.masks.label_map import colours

Array = NDArray[Any]
_HERE, _NOT_HERE, _BOXED = (30, 170, 60), (220, 30, 40), (255, 215, 0)  # of a prompt


def painted(mask: Array, classes: int) -> Array:
    """(H, W) class indices as (H, W, 3) uint8 colours."""
    return np.asarray(colours(classes)[mask])


def overlay(rgb: Array, mask: Array, classes: int, strength: float = 0.5) -> Array:
    """The picture with its classes laid over it; class 0 of two, the background, stays as it is.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        classes: C.
        strength: of the colour, 0..1.
    """
    laid = (1 - strength) * rgb + strength * painted(mask, classes)
    bare = (mask == 0) & (classes == 2)
    return np.where(bare[..., None], rgb, laid + 0.5).astype(np.uint8)


def pointed_at(
    rgb: Array,
    points: Iterable[tuple[float, float]],
    negatives: Iterable[tuple[float, float]],
    box: tuple[float, float, float, float] | None,
) -> Array:
    """The picture with a prompt drawn on it.

    Args:
        rgb: (H, W, 3) uint8.
        points: (x, y) in pixels, green.
        negatives: (x, y) in pixels, red.
        box: x0, y0, x1, y1 in pixels, yellow.
    """
    picture = Image.fromarray(rgb)
    pen, radius = ImageDraw.Draw(picture), max(3, max(picture.size) // 55)
    if box is not None:
        edges = (
            max(0, box[0]),
            max(0, box[1]),
            min(picture.width, box[2]) - 1,
            min(picture.height, box[3]) - 1,
        )
        pen.rectangle([round(edge) for edge in edges], outline=_BOXED, width=max(2, radius // 2))
    for places, colour in ((points, _HERE), (negatives, _NOT_HERE)):
        for x, y in places:
            corners = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(corners, fill=colour, outline=(255, 255, 255), width=max(1, radius // 3))
    return np.asarray(picture)


def overlay_jpeg(rgb: Array, mask: Array, classes: int) -> bytes:
    """What `overlay` gives as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(overlay(rgb, mask, classes)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
