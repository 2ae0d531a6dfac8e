"""How bright and how sharp an image is, as the model sees it: files of any size and format are comparable."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing


def measure_appearance(inputs: Array, spec: Preprocessing) -> tuple[float, float]:
    """Brightness and sharpness of an image.

    Args:
        inputs: (K, 3, H, W) float32, normalised.
        spec: how they were normalised.

    Returns:
        The mean over pixels and channels, 0 black to 1 white, and the mean absolute difference of the grey values of
        neighbouring pixels, 0 to 1.
    """
    weights = (np.asarray(spec.std, np.float32) / 3).reshape(1, 3, 1, 1)
    grey = (inputs * weights).sum(axis=1) + np.float32(np.mean(spec.mean))
    steps = np.abs(np.diff(grey, axis=1)).mean(), np.abs(np.diff(grey, axis=2)).mean()
    return float(grey.mean()), float(np.mean(steps))
