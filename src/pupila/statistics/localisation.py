"""How well a heat map lies on a region, and what hiding its strongest parts does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def energy_inside(heat: Array, region: Array) -> float:
    """Share of the positive evidence that lies in a region, NaN where there is none (Wang et al. 2020, Score-CAM).

    Args:
        heat: (H, W).
        region: (H, W) bool.
    """
    positive = np.maximum(heat, 0)
    total = float(positive.sum())
    return float(positive[region].sum()) / total if total else float("nan")


def hits(heat: Array, region: Array) -> bool:
    """Whether the strongest cell lies in a region: the pointing game (Zhang et al. 2016, arXiv:1608.00507)."""
    return bool(region.ravel()[int(np.argmax(heat))])


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's of two maps of one shape; 0 where one of them is flat."""
    from scipy.stats import rankdata

    ranks = [rankdata(each.ravel()) for each in (first, second)]
    if any(each.std() == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def centred_bump(height: int, width: int) -> Array:
    """(height, width) a Gaussian in the middle with a third of the sides as its standard deviation, for any image."""
    rows, columns = (np.exp(-(np.linspace(-1.5, 1.5, side) ** 2) / 2) for side in (height, width))
    return np.outer(rows, columns)
