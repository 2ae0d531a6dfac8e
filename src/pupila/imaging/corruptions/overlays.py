"""What lies over an image: a soft shadow, and reflections of the light."""

import numpy as np

from pupila.imaging.corruptions.light import to_uint8
from pupila.imaging.images.decode import Array

_SOFT = 0.05  # width of a shadow's edge, as a share of the diagonal
_SPOTS = 6  # reflections on an image
_LARGEST, _SMALLEST = 0.18, 0.06  # radius of a reflection, as shares of the diagonal
_FLAT = 0.35  # height of a reflection, as a share of its width: light on water, on glass, on foil


def cast_shadow(rgb: Array, opacity: float, random: np.random.Generator) -> Array:
    """A shadow with a soft straight edge over about half of the image.

    Args:
        rgb: (H, W, C) uint8.
        opacity: 0..1: 1 is black.
        random: decides the edge; an equal state gives the same shadow at every opacity.
    """
    y, x = _grid(rgb)
    angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.1, 0.1)
    distance = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) - np.float32(offset)
    shade = np.clip(distance / np.float32(_SOFT) + np.float32(0.5), 0, 1)
    return to_uint8(rgb * (1 - np.float32(opacity) * shade)[..., None])


def add_reflections(rgb: Array, opacity: float, random: np.random.Generator) -> Array:
    """Six flat white spots with soft edges, which may overlap: the sky on water, a lamp on foil.

    Args:
        rgb: (H, W, C) uint8.
        opacity: 0..1 in the middle of a spot: 1 is white.
        random: decides the places; an equal state gives the same spots at every opacity.
    """
    y, x = _grid(rgb)
    glow = np.zeros(rgb.shape[:2], dtype=np.float32)
    height, width = rgb.shape[:2]
    diagonal = np.hypot(height, width)
    for _ in range(_SPOTS):
        down, right = (random.uniform(-0.5, 0.5) for _ in range(2))
        radius = random.uniform(_SMALLEST, _LARGEST)
        squared = ((x - right * width / diagonal) / radius) ** 2 + (
            (y - down * height / diagonal) / (radius * _FLAT)
        ) ** 2
        glow = np.maximum(glow, np.exp(-(squared**2)))  # flat inside, steep at the edge
    share = np.float32(opacity) * glow[..., None]
    return to_uint8(rgb * (1 - share) + np.float32(255) * share)


def _grid(rgb: Array) -> tuple[Array, Array]:
    """(H, 1) and (1, W) float32: the pixels' places from the centre, as shares of the diagonal."""
    height, width = rgb.shape[:2]
    diagonal = np.hypot(height, width)
    y, x = ((np.arange(length) + 0.5 - length / 2) / diagonal for length in (height, width))
    return y.astype(np.float32)[:, None], x.astype(np.float32)[None]
