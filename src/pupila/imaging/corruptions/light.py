"""Other light: brightness and contrast."""

import numpy as np

from pupila.imaging.images.decode import Array


def scale_brightness(rgb: Array, factor: float) -> Array:
    """Every value times the factor, cut at 255: a shorter or a longer exposure.

    Args:
        rgb: (H, W, C) uint8.
        factor: 0 or more; 1 changes nothing.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "brightness"; there it is added to the value of HSV.
    """
    return to_uint8(rgb.astype(np.float32) * np.float32(factor))


def scale_contrast(rgb: Array, factor: float) -> Array:
    """Every value at `factor` times its distance from the channel's mean: fog, or a flat exposure.

    Args:
        rgb: (H, W, C) uint8.
        factor: 0..1; 1 changes nothing, 0 leaves the mean colour.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, "contrast".
    """
    mean = rgb.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return to_uint8((rgb - mean) * np.float32(factor) + mean)


def to_uint8(values: Array) -> Array:
    """Floats to the nearest of 0..255."""
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
