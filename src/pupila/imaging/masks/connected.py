"""Connected regions of the values of a mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def count_regions(stored: Array, values: list[int]) -> list[int]:
    """How many connected regions each value forms; pixels touch at their corners too.

    Args:
        stored: (H, W) whole numbers.
        values: some that occur, ascending.
    """
    starts = np.ones(stored.shape, dtype=bool)
    starts[:, 1:] = stored[:, 1:] != stored[:, :-1]
    runs = np.cumsum(starts).reshape(stored.shape) - 1  # the number of each run of equal values in a row
    counted = np.isin(stored, values)
    width = stored.shape[1]
    links = []
    for shift in (-1, 0, 1):
        above = (slice(0, -1), slice(max(0, -shift), width - max(0, shift)))
        below = (slice(1, None), slice(max(0, shift), width + min(0, shift)))
        same = (stored[above] == stored[below]) & counted[above]
        links.append(np.stack([runs[above][same], runs[below][same]]))
    pairs = np.unique(np.concatenate(links, axis=1), axis=1)
    firsts = np.flatnonzero(starts.ravel())
    roots = _join(len(firsts), *pairs)
    of_runs = stored.ravel()[firsts]
    listed = np.isin(of_runs, values)
    regions = np.unique(np.stack([of_runs[listed].astype(np.int64), roots[listed]]), axis=1)[0]
    return [
        int(np.searchsorted(regions, value, "right") - np.searchsorted(regions, value)) for value in values
    ]


def _join(count: int, first: Array, second: Array) -> Array:
    """(count,) the lowest number that each is linked with, over any number of links."""
    roots = np.arange(count)
    while True:
        lower = np.minimum(roots[first], roots[second])
        joined = roots.copy()
        np.minimum.at(joined, roots[first], lower)
        np.minimum.at(joined, roots[second], lower)
        while not np.array_equal(joined, joined[joined]):
            joined = joined[joined]
        if np.array_equal(joined, roots):
            return roots
        roots = joined
