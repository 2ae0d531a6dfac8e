"""How much of a number the class tells: a hint that a model may go by that number instead of by what is shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset

Array = NDArray[Any]
LEAST_IMAGES, LEAST_OF_A_CLASS = 30, 10  # groups; below, chance looks like a finding


def class_codes(data: Dataset) -> tuple[Array, list[str]]:
    """(N,) int number of each image's class, -1 for none, and the names; of data with masks there is no class.

    The classes come in the order of their size, the largest first.
    """
    if data.legend is not None:
        return np.full(len(data), -1), []
    counts = data.class_counts()
    names = sorted(counts, key=lambda name: (-counts[name], name))
    number = {name: k for k, name in enumerate(names)}
    return np.array([number.get(target, -1) for target in data.images["target"]]), names


def explained(values: Array, codes: Array, groups: Array) -> float | None:
    """The share of the variance of a number that lies between the classes; None where there is too little to tell.

    One image of each group counts. Corrected for the number of classes, so that chance gives 0 on average.

    Args:
        values: (N,) float; NaN for none.
        codes: (N,) int class, -1 for none.
        groups: (N,) component numbers.

    Source: Kelley 1935, epsilon squared.
    """
    first = np.zeros(len(values), dtype=bool)
    first[np.unique(groups, return_index=True)[1]] = True
    known = first & (codes >= 0) & np.isfinite(values)
    kept = [k for k in np.unique(codes[known]) if (codes[known] == k).sum() >= LEAST_OF_A_CLASS]
    known &= np.isin(codes, kept)
    told, own = values[known], codes[known]
    if len(kept) < 2 or len(told) < LEAST_IMAGES or not (whole := float(((told - told.mean()) ** 2).sum())):
        return None
    within = sum(float(((told[own == k] - told[own == k].mean()) ** 2).sum()) for k in kept)
    share = 1 - (within / (len(told) - len(kept))) / (whole / (len(told) - 1))
    return round(max(share, 0.0), 4)
