"""Outlines through the centres of border pixels, as OpenCV traces and fills them.

A ring is (N, 2) int64 (x, y): the numbers of pixels, whose centres it joins. What it fills are the pixels that it
passes, and those inside by the even-odd rule. COCO's outlines, in `pupila.imaging.regions`, run around the pixels
instead.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.regions import Polygon, count_up, fill_polygons, rasterise_ring, trace_borders

Array = NDArray[Any]
# Within a pixel, from its upper left corner, where an outline is written: readers that cut the fraction off get the
# pixel, those that round get it too, and points between two corners fall on the pixels of the line.
CENTRE = 0.499
_NEAR = 0.05  # pixels from a whole number: what four decimals of a share of 1,000 pixels leave
_LARGEST = 2**29  # number of a pixel: twice the product of two distances is a 64-bit number
_FRACTION = 16  # bits of the fraction of a crossing, as OpenCV has them


def find_pixels(points: Array, centres: bool = False) -> Array | None:
    """The ring of the pixels that the points of a polygon name; None where these are fractions.

    Args:
        points: (N, 2) float64 (x, y).
        centres: whether points that all lie half way between whole numbers are the centres of pixels, too.
    """
    if not (np.abs(points) < _LARGEST).all():
        return None
    for offset in (0, 0.5) if centres else (0,):
        pixels = np.rint(points - offset)
        if (np.abs(points - offset - pixels) <= _NEAR).all():
            return pixels.astype(np.int64)
    return None


def trace_contours(binary: Array) -> list[Array]:
    """One ring for each connected region (8-connected) of an (H, W) bool mask; it closes by itself.

    A hole is joined to the ring by a slit of zero width through the region's own pixels, so that one ring is enough.
    A ring has three points at least; those of regions of one or two pixels repeat.
    """
    rings = []
    for outer, *holes in trace_borders(binary):
        ring = outer
        for hole in sorted(holes, key=lambda each: int(each[:, 1].min())):
            ring = _join_hole(ring, hole, binary)
        corners = _drop_straight(ring)
        rings.append(np.concatenate([corners, np.repeat(corners[-1:], max(0, 3 - len(corners)), axis=0)]))
    return rings


def _join_hole(ring: Array, hole: Array, binary: Array) -> Array:
    """The ring with a slit to a hole: straight up from its highest pixel, to the first border of the region.

    That border is the ring's: of an outer one, or of a hole that begins higher and so was joined before.
    """
    first = int(hole[:, 1].argmin())
    x, bottom = hole[first].tolist()
    empty = np.flatnonzero(~binary[:bottom, x])
    top = int(empty[-1]) + 1 if len(empty) else 0
    at = int(np.flatnonzero((ring == (x, top)).all(axis=1))[0])
    around = np.roll(hole, -first, axis=0)
    return np.concatenate([ring[: at + 1], around, around[:1], ring[at:]])


def _drop_straight(ring: Array) -> Array:
    """The ring without repeated points, and without those where its direction stays the same."""
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] if (ring != ring[0]).any() else ring[:1]
    direction = np.sign(np.roll(ring, -1, axis=0) - ring)
    corners: Array = ring[(direction != np.roll(direction, 1, axis=0)).any(axis=1)]
    return corners if len(corners) else ring[:1]


def fill_outlines(shapes: list[Polygon], height: int, width: int) -> Array:
    """(height, width) bool: what lies in any of the polygons, without their holes, cut off at the picture's edges.

    Rings of whole numbers (int64) are pixels and belong to what they fill, or cut out, as OpenCV draws it; all others
    are drawn as COCO does.
    """
    return fill_polygons(shapes, height, width, _draw_ring)


def _draw_ring(ring: Array, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], Array]:
    return rasterise_ring(ring, shape) if ring.dtype.kind == "f" else _fill_ring(ring, shape)


def _fill_ring(ring: Array, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], Array]:
    """Where a ring lies in a picture of this shape, and (h, w) bool, the pixels there that it passes or surrounds.

    Source: what `fillPoly` of OpenCV draws without anti-aliasing: Bresenham's lines, and between two crossings of a row
    the whole pixels.
    """
    left, top = ring.min(axis=0).clip(0, shape[::-1]).tolist()
    right, bottom = (ring.max(axis=0) + 1).clip(0, shape[::-1]).tolist()
    height, width = max(0, bottom - top), max(0, right - left)
    start = ring - (left, top)
    end = np.roll(start, -1, axis=0)
    row, first, last = _spans(start, end, height)
    visible = (last >= 0) & (first < width) & (first <= last)
    ends = np.zeros((height, width + 1), np.int32)
    np.add.at(ends, (row[visible], first[visible].clip(0)), 1)
    np.add.at(ends, (row[visible], last[visible].clip(max=width - 1) + 1), -1)
    inside: Array = np.cumsum(ends, axis=1)[:, :width] > 0
    x, y = _line_pixels(start, end, (width, height))
    visible = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    inside[y[visible], x[visible]] = True
    return (slice(top, top + height), slice(left, left + width)), inside


def _spans(start: Array, end: Array, height: int) -> tuple[Array, Array, Array]:
    """(row, first column, last column) of each stretch between two crossings of the rows 0..height-1, (S,) each."""
    up = start[:, 1] > end[:, 1]
    top, bottom = np.where(up[:, None], end, start), np.where(up[:, None], start, end)
    tall = bottom[:, 1] > top[:, 1]
    top, bottom = top[tall], bottom[tall]
    rows = bottom[:, 1] - top[:, 1]
    across = (bottom[:, 0] - top[:, 0]) << _FRACTION
    slope = np.sign(across) * (np.abs(across) // rows)  # towards zero, as in C
    above = (-top[:, 1]).clip(0)  # rows before the first of the picture
    edge, below = count_up(above, np.minimum(rows, height - top[:, 1]) - above)
    row = top[edge, 1] + below
    crossing = (top[edge, 0] << _FRACTION) + below * slope[edge]
    order = np.lexsort((crossing, row))
    crossing = crossing[order]
    return (
        row[order][::2],
        -(-crossing[::2] >> _FRACTION),
        crossing[1::2] >> _FRACTION,
    )  # whole pixels between them


def _line_pixels(start: Array, end: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """(x, y) of the pixels of the lines between points, (P,) each; only those that may lie in a picture of this size.

    Each line is drawn from its left end, and a tie stays on the side of that end.
    """
    swap = (start[:, 0] > end[:, 0])[:, None]
    left, right = np.where(swap, end, start), np.where(swap, start, end)
    step = right - left
    length = np.abs(step).max(axis=1)
    axis = np.abs(step).argmax(axis=1)  # along which there is a pixel at each step
    each = np.arange(len(step))
    begin, most = left[each, axis], np.array(size)[axis] - 1
    falling = step[each, axis] < 0
    first = np.where(falling, begin - most, -begin).clip(0)
    last = np.minimum(np.where(falling, begin, most - begin), length)
    line, along = count_up(first, last - first + 1)
    span = np.maximum(length, 1)[line, None]
    moved = (2 * along[:, None] * np.abs(step[line]) + span - 1) // (2 * span) * np.sign(step[line])
    pixel = left[line] + moved
    return pixel[:, 0], pixel[:, 1]
