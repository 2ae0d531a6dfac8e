"""The names of the outputs of a bundle's ONNX files, and how an embedding is read from them."""

import numpy as np

from pupila.imaging.images.decode import Array

LOGITS = "logits"  # what predictions are made of
EMBEDDING = "embedding"  # the features before the head
FEATURE_MAP = "feature_map"  # an output that only some models have, for heat maps


def average_features(features: Array) -> Array:
    """(E,) mean of the output `embedding` over an image's inputs and positions: (K, E) or (K, E, h, w)."""
    return np.asarray(features.mean(axis=(0, *range(2, features.ndim))))
