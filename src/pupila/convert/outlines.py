"""Regions as single rings, for formats that know no holes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila import regions

Array = NDArray[Any]


def rings(binary: Array) -> list[Array]:
    """One open ring around each region of a mask.

    A hole hangs on the ring by a slit of no width, walked there and back, so that filling the ring by the even-odd
    rule, as COCO's library does, gives the same mask.

    Args:
        binary: (H, W) bool.

    Returns:
        Rings (N, 2) float64 (x, y) in pixels: (0, 0) is the upper left corner of the upper left pixel.
    """
    found = []
    for outer, holes in regions.polygons(binary):
        ring = outer[:-1]
        for hole in holes:
            ring = _hung(ring, hole[:-1])
        found.append(ring)
    return found


def _hung(ring: Array, hole: Array) -> Array:
    """The ring, opened where it is nearest to the hole's first point, with the hole in between."""
    here = ((ring - hole[0]) ** 2).sum(axis=1).argmin()
    return np.concatenate([ring[: here + 1], hole, hole[:1], ring[here:]])


def area(ring: Array) -> float:
    """What the ring encloses, without its holes, in square pixels (the shoelace formula)."""
    following = np.roll(ring, -1, axis=0)
    return float(abs((ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]).sum()) / 2)
