"""Draw heat maps on one colour scale: red speaks for, blue speaks against, and no colour is no evidence."""

import io

import numpy as np
from PIL import Image

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import resize_plane

FOR, AGAINST = (178, 24, 43), (33, 102, 172)
_STRENGTH = 0.8  # of the colour at the end of the scale
_CONTOUR = 0.5  # of the end of the scale
_DEEP = 2**16 - 1


def overlay_heat(rgb: Array, heat: Array, limit: float) -> Array:
    """The image in grey with the evidence in colour, and a line around what exceeds half of the scale.

    Args:
        rgb: (H, W, 3) uint8.
        heat: (H, W) evidence.
        limit: end of the scale, the same for every image that is compared.
    """
    grey = rgb.mean(axis=2, keepdims=True).repeat(3, axis=2)
    share = np.clip(heat / limit, -1, 1)[..., None] if limit > 0 else np.zeros((*heat.shape, 1))
    colour = np.where(share > 0, FOR, AGAINST)
    alpha = _STRENGTH * np.abs(share)
    drawn = (1 - alpha) * grey + alpha * colour
    drawn[find_edges(share[..., 0] > _CONTOUR)] = FOR
    return np.asarray(drawn.round().astype(np.uint8))


def heat_layer(heat: Array, limit: float) -> Array:
    """(H, W, 4) uint8: the colours of `overlay_heat` alone, whose opacity is the share of the scale.

    Args:
        heat: (H, W) evidence.
        limit: end of the scale.
    """
    share = np.clip(heat / limit, -1, 1)[..., None] if limit > 0 else np.zeros((*heat.shape, 1))
    return (
        np.concatenate([np.where(share > 0, FOR, AGAINST), 255 * np.abs(share)], axis=2)
        .round()
        .astype(np.uint8)
    )


def place_heat(cells: Array, height: int, width: int, box: tuple[float, float, float, float]) -> Array:
    """(height, width) float32: the evidence, stretched smoothly over its box of an image; 0 outside of it.

    Args:
        cells: (h, w) evidence.
        height: of the image, pixels.
        width: of the image, pixels.
        box: left, top, right, bottom in pixels of the image; it may reach beyond it.
    """
    left, top, right, bottom = box
    first, end = (
        (max(0, round(left)), max(0, round(top))),
        (min(width, round(right)), min(height, round(bottom))),
    )
    placed = np.zeros((height, width), np.float32)
    if first[0] >= end[0] or first[1] >= end[1]:
        return placed
    across, down = cells.shape[1] / (right - left), cells.shape[0] / (bottom - top)
    part = (
        max(0.0, (first[0] - left) * across), max(0.0, (first[1] - top) * down),
        min(cells.shape[1], (end[0] - left) * across), min(cells.shape[0], (end[1] - top) * down),
    )  # fmt: skip
    placed[first[1] : end[1], first[0] : end[0]] = resize_plane(
        cells.astype(np.float32), end[1] - first[1], end[0] - first[0], part
    )
    return placed


def colour_bar(width: int, height: int) -> Array:
    """(height, width, 3) uint8: the scale from the strongest evidence against to the strongest for, on grey."""
    heat = np.broadcast_to(np.linspace(-1, 1, width), (height, width))
    return overlay_heat(np.full((height, width, 3), 235, np.uint8), heat, 1.0)


def find_edges(inside: Array) -> Array:
    """(H, W) bool: the pixels inside that touch one outside."""
    padded = np.pad(inside, 1, mode="edge")
    enclosed = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inside & ~enclosed)


def encode_heat(heat: Array, limit: float) -> bytes:
    """(H, W) evidence as a grey PNG of 16 bits: 0 is -limit, 65,535 is limit; what is beyond is cut off."""
    share = np.clip(heat / limit, -1, 1) if limit > 0 else np.zeros(heat.shape)
    values = ((share + 1) / 2 * _DEEP).round().astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()
