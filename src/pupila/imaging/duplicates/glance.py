"""A glance at two small grey copies: whether a window of one can show what the other one shows.

Images of one shape (X-rays, tiles, the frames of a sequence) are all candidates of each other. An alignment takes
milliseconds for each pair; to see that their finest details have nothing in common takes one product for all windows
of a coarse grid.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.align import FINE_SAMPLES, blur, details, make_sampler, sample_whole, unit
from pupila.imaging.duplicates.signature import SIDE

Array = NDArray[Any]

# Of 5,000 real and planted copies, crops of 8 % at every side among them, the least reaches 0.31; of X-rays of other
# patients 95 % stay below.
HOPEFUL = 0.27
# In the units of `align`; every edge is at most 1.5 of them from one of the grid's, half a sample.
_MARGINS = [(low, high) for low in range(0, 10, 3) for high in range(0, 10, 3) if low + high <= 12]


def make_aims(copies: Array) -> Array:
    """(..., FINE, FINE): what a view is multiplied by to compare its finest details with those of these copies."""
    aims = unit(_finest(sample_whole(copies, FINE_SAMPLES)))
    for _ in range(2):  # the transposed filter, once for a copy, instead of the filter for each view
        aims = aims - blur().T @ aims @ blur()
    return np.asarray(aims)


def glance(copy: Array, aims: Array) -> Array:
    """About how well the finest details fit in the best window of a coarse grid.

    Args:
        copy: (SIDE, SIDE) float32, whose windows are looked at.
        aims: (K, FINE, FINE) of the wholes.

    Returns:
        (K,) correlations; their scale is estimated from the whole copy, so that some are a little above 1.
    """
    count, area = len(_MARGINS), FINE_SAMPLES**2
    squares = (_windows() @ copy @ _windows().T).reshape(count, FINE_SAMPLES, count, FINE_SAMPLES)
    views = squares.swapaxes(1, 2).reshape(count**2, area)
    energy = _finest(sample_whole(copy, FINE_SAMPLES)) ** 2
    lengths = np.sqrt((_means() @ energy @ _means().T).ravel() * area) + 1e-6
    return np.asarray((aims.reshape(-1, area) @ views.T / lengths).max(axis=1))


def _finest(views: Array) -> Array:
    """The details of the details: a smooth shape leaves nothing in them."""
    return details(details(views))


@cache
def _windows() -> Array:
    return np.concatenate([make_sampler(low, high, FINE_SAMPLES) for low, high in _MARGINS])


@cache
def _means() -> Array:
    """(windows, FINE) float32: the mean over each window of what is given for samples of the whole."""
    samples = np.arange(SIDE) * FINE_SAMPLES // SIDE
    spread = np.eye(FINE_SAMPLES, dtype=np.float32)[samples]
    return np.concatenate([make_sampler(low, high, 1) for low, high in _MARGINS]) @ spread
