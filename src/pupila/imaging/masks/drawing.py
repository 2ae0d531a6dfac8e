"""Draw masks and prompts over images."""

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import class_colours

Array = NDArray[Any]
_FOREGROUND, _BACKGROUND, _BOX = (30, 170, 60), (220, 30, 40), (255, 215, 0)  # of a prompt


def colour_mask(mask: Array, classes: int) -> Array:
    """(H, W) class indices as (H, W, 3) uint8 colours."""
    return np.asarray(class_colours(classes)[mask])


def overlay(rgb: Array, mask: Array, classes: int, strength: float = 0.5) -> Array:
    """The image with a coloured overlay of its classes; the background of two classes stays uncoloured.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        classes: C.
        strength: of the colour, 0..1.
    """
    laid = (1 - strength) * rgb + strength * colour_mask(mask, classes)
    bare = (mask == 0) & (classes == 2)
    return np.where(bare[..., None], rgb, laid + 0.5).astype(np.uint8)


def mask_layer(mask: Array, classes: int) -> Array:
    """(H, W, 4) uint8: the colours of `overlay` alone; the background of two classes and IGNORE are transparent.

    Args:
        mask: (H, W) uint8 class indices.
        classes: C.
    """
    bare = (mask == IGNORE) | ((mask == 0) & (classes == 2))
    return np.dstack([colour_mask(mask, classes), np.where(bare, 0, 255).astype(np.uint8)])


def draw_prompt(
    rgb: Array,
    points: Iterable[tuple[float, float]],
    negatives: Iterable[tuple[float, float]],
    box: tuple[float, float, float, float] | None,
) -> Array:
    """The image with a prompt drawn on it.

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
        pen.rectangle([round(edge) for edge in edges], outline=_BOX, width=max(2, radius // 2))
    for places, colour in ((points, _FOREGROUND), (negatives, _BACKGROUND)):
        for x, y in places:
            corners = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(corners, fill=colour, outline=(255, 255, 255), width=max(1, radius // 3))
    return np.asarray(picture)


def overlay_jpeg(rgb: Array, mask: Array, classes: int) -> bytes:
    """The image with a coloured overlay of its classes, as a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(overlay(rgb, mask, classes)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
