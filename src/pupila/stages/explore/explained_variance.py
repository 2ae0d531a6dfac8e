"""The share of a number's variance that the class explains: a high share hints at a shortcut for a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MIN_IMAGES, MIN_IMAGES_PER_CLASS = 30, 10  # counted in groups; with fewer, chance looks like an effect


def explained_variance(values: Array, codes: Array, groups: Array) -> float | None:
    """The share of the variance of a number that lies between the classes; None if there are too few groups.

    Only one image per group is used. Corrected for the number of classes, so that chance gives 0 on average.

    Args:
        values: (N,) float; NaN for none.
        codes: (N,) int class, -1 for none.
        groups: (N,) component numbers.

    Source: Kelley 1935, epsilon squared.
    """
    first = np.zeros(len(values), dtype=bool)
    first[np.unique(groups, return_index=True)[1]] = True
    known = first & (codes >= 0) & np.isfinite(values)
    frequent = [k for k in np.unique(codes[known]) if (codes[known] == k).sum() >= MIN_IMAGES_PER_CLASS]
    known &= np.isin(codes, frequent)
    selected, own = values[known], codes[known]
    if (
        len(frequent) < 2
        or len(selected) < MIN_IMAGES
        or not (total := float(((selected - selected.mean()) ** 2).sum()))
    ):
        return None
    within = sum(float(((selected[own == k] - selected[own == k].mean()) ** 2).sum()) for k in frequent)
    share = 1 - (within / (len(selected) - len(frequent))) / (total / (len(selected) - 1))
    return round(max(share, 0.0), 4)
