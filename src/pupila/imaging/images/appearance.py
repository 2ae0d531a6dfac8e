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
    count, channels, height, width = inputs.shape
    weights = np.asarray(spec.std, np.float32) / channels
    grey = (weights @ inputs.reshape(count, channels, -1)).reshape(count, height, width)
    steps = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2)]
    return float(grey.mean() + np.mean(spec.mean)), float(np.mean(steps))
