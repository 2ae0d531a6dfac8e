"""Connected regions of class masks: areas in constant memory, clean-up, and outlines as polygons.

A mask is (H, W) uint8 of class numbers; 0 is the background and `vocabulary.IGNORE` a pixel without a label.
Pixels of one class belong to one region where they touch, also at a corner (8-connected). All arithmetic is done on
runs, the longest stretches of equal pixels in a row: far fewer than pixels, and a row needs no other row but its
neighbours.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE

Array = NDArray[Any]
Polygon = tuple[Array, list[Array]]  # outer ring, holes; each ring (N, 2) float64 (x, y), closed
# A ring and the shape of a picture, to where it lies there, and (h, w) bool, the pixels that it fills.
Rasteriser = Callable[[Array, tuple[int, ...]], tuple[tuple[slice, slice], Array]]

BACKGROUND = 0
_BELOW_HALF = 0.499  # where an outline passes between 0 and 1: under a half, so that corners touch


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a mask, row by row, (R,) each."""

    row: Array
    start: Array  # first column
    end: Array  # the column after the last
    value: Array  # class number
    stride: int  # more than any column: row * stride + column grows from run to run

    @property
    def length(self) -> Array:
        """(R,) pixels."""
        return self.end - self.start

    def paint(self, value: Array, shape: tuple[int, ...]) -> Array:
        """The mask whose runs have these values."""
        return np.repeat(value, self.length).reshape(shape)

    def find_touching(self, corners: bool) -> tuple[Array, Array]:
        """(upper, lower): the numbers of all runs of neighbouring rows that touch, of any classes."""
        reach, below = int(corners), (self.row + 1) * self.stride
        offset = self.row * self.stride
        first = np.searchsorted(offset + self.end, below + self.start + 1 - reach)
        last = np.searchsorted(offset + self.start, below + self.end - 1 + reach, side="right")
        return count_up(first, last - first)


def count_up(first: Array, counts: Array) -> tuple[Array, Array]:
    """(number of the entry, first + 0, first + 1, ...) for each of the (E,) entries so many times; none below 1."""
    counts = counts.clip(0)
    entry = np.repeat(np.arange(len(counts)), counts)
    return entry, np.arange(len(entry)) - np.repeat(np.cumsum(counts) - counts - first, counts)


def find_runs(mask: Array) -> Runs:
    """The runs of an (H, W) mask."""
    height, width = mask.shape
    new = np.ones((height, width), bool)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=new[:, 1:])
    at = np.flatnonzero(new)
    row, start = np.divmod(at, max(1, width))
    end = np.append(at[1:], height * width) - row * width
    return Runs(row, start, end, mask.ravel()[at], width + 2)


def _union_sets(count: int, left: Array, right: Array) -> Array:
    """(count,) the smallest number in each element's set, where every `left` is in the set of its `right`.

    Source: hooking to the smaller root and pointer jumping, after Shiloach and Vishkin 1982.
    """
    root = np.arange(count)
    while len(left):
        low, high = np.minimum(left, right), np.maximum(left, right)
        np.minimum.at(root, high, low)
        while not np.array_equal(jumped := root[root], root):
            root = jumped
        left, right = root[low], root[high]
        apart = left != right
        left, right = left[apart], right[apart]
    return root


def group_runs(runs: Runs, corners: bool = True) -> Array:
    """(R,) the number of the first run of each run's region."""
    upper, lower = runs.find_touching(corners)
    same = runs.value[upper] == runs.value[lower]
    return _union_sets(len(runs.value), upper[same], lower[same])


def count_regions(stored: Array, values: list[int]) -> list[int]:
    """How many connected regions each value forms; pixels touch at their corners too.

    Args:
        stored: (H, W) whole numbers.
        values: some that occur.
    """
    runs = find_runs(stored)
    region = group_runs(runs)
    counts = Counter(runs.value[region == np.arange(len(region))].tolist())
    return [counts[value] for value in values]


def label_regions(binary: Array) -> Array:
    """(H, W) int64: the number of each pixel's region, from 1; 0 where an (H, W) bool mask is not."""
    runs = find_runs(binary.astype(np.uint8))
    own = runs.value != BACKGROUND
    number = np.zeros(len(runs.value), np.int64)
    number[own] = np.unique(group_runs(runs)[own], return_inverse=True)[1] + 1
    return runs.paint(number, binary.shape)


class RegionCounter:
    """Counts the regions of a mask of any height that comes in strips, from the top; it keeps one row."""

    def __init__(self) -> None:
        self._row: Array = np.zeros((0, 0), np.uint8)  # the last row that came, (1, W)
        self._first: Array = np.zeros(0, np.intp)  # for each of its runs, the first run of its region
        self._area: Array = np.zeros(0)  # pixels so far of its region, at the region's first run; else 0
        self._finished: list[tuple[Array, Array]] = []  # classes and areas of regions that can't grow

    def add(self, strip: Array) -> None:
        """Count the next rows: (h, W) uint8, h > 0; every strip has the same width."""
        known = len(self._first)
        rows = np.concatenate([self._row, strip]) if known else strip
        runs = find_runs(rows)
        upper, lower = runs.find_touching(corners=True)
        same = runs.value[upper] == runs.value[lower]
        root = _union_sets(
            len(runs.value),
            np.concatenate([upper[same], self._first]), np.concatenate([lower[same], np.arange(known)]),
        )  # fmt: skip
        pixels = runs.length.astype(float)
        pixels[:known] = self._area
        area = np.bincount(root, pixels)
        bottom = runs.row == len(rows) - 1
        open_, first, which = np.unique(root[bottom], return_index=True, return_inverse=True)
        closed = np.setdiff1d(root, open_)
        self._finished.append((runs.value[closed], area[closed]))
        self._row, self._first = rows[-1:].copy(), first[which]
        self._area = np.zeros(len(which))
        self._area[first] = area[open_]

    def areas(self) -> dict[int, list[int]]:
        """Pixels of every region, the largest first, by class; without pixels that have no label."""
        at_row = find_runs(self._row).value if len(self._first) else self._row[0:0].ravel()
        begins = self._first == np.arange(len(self._first))
        value = np.concatenate([*(v for v, _ in self._finished), at_row[begins]])
        area = np.concatenate([*(a for _, a in self._finished), self._area[begins]]).astype(int)
        return {
            int(number): np.sort(area[value == number])[::-1].tolist()
            for number in np.unique(value)
            if number != IGNORE
        }


def drop_small(mask: Array, least_area: int) -> Array:
    """The mask without small regions: each becomes the class that it borders most.

    Only what stays and has a label counts as a border; a region without one becomes background.

    Args:
        mask: (H, W) uint8.
        least_area: pixels; smaller regions go. The background and unlabelled pixels stay.
    """
    runs = find_runs(mask)
    region = group_runs(runs)
    small = np.bincount(region, runs.length)[region] < least_area
    return _replace_regions(mask, runs, region, small & (runs.value != BACKGROUND) & (runs.value != IGNORE))


def fill_holes(mask: Array, most_area: int) -> Array:
    """The mask without small holes: each becomes the class that it borders most.

    A hole is background that does not reach the edge of the picture. Its pixels touch at their sides, so that
    a region that closes only over corners has a hole, too.

    Args:
        mask: (H, W) uint8.
        most_area: pixels; larger holes stay.
    """
    runs = find_runs(mask)
    region = group_runs(runs, corners=False)
    area = np.bincount(region, runs.length)[region]
    at_edge = (runs.row == 0) | (runs.row == len(mask) - 1) | (runs.start == 0) | (runs.end == mask.shape[1])
    open_ = np.bincount(region, at_edge)[region] > 0
    return _replace_regions(mask, runs, region, (runs.value == BACKGROUND) & ~open_ & (area <= most_area))


def _replace_regions(mask: Array, runs: Runs, region: Array, goes: Array) -> Array:
    """The mask whose regions that go are replaced by the class that shares most sides with them."""
    if not goes.any():
        return mask.copy()
    upper, lower = runs.find_touching(corners=False)
    shared = np.minimum(runs.end[upper], runs.end[lower]) - np.maximum(runs.start[upper], runs.start[lower])
    left = np.flatnonzero(runs.row[1:] == runs.row[:-1])
    run = np.concatenate([upper, lower, left, left + 1])
    neighbour = np.concatenate([lower, upper, left + 1, left])
    sides = np.concatenate([shared, shared, np.ones(2 * len(left), int)])
    counts = goes[run] & ~goes[neighbour] & (runs.value[neighbour] != IGNORE)
    run, vote, sides = run[counts], runs.value[neighbour[counts]].astype(int), sides[counts]
    names, number = np.unique(region[goes], return_inverse=True)
    shape = (len(names), int(vote.max(initial=BACKGROUND)) + 1)
    voter = np.searchsorted(names, region[run])
    votes = np.bincount(voter * shape[1] + vote, sides, minlength=shape[0] * shape[1])
    value = runs.value.copy()
    value[goes] = votes.reshape(shape).argmax(axis=1)[number]
    return runs.paint(value, mask.shape)


def smooth(mask: Array, radius: int) -> Array:
    """Each labelled pixel's most frequent class in the square around it.

    Where classes are even, the pixel keeps its own if it is among them; else the smallest number wins. Beyond
    the edges nothing votes, nor do unlabelled pixels, which stay as they are.

    Args:
        mask: (H, W) uint8.
        radius: pixels; the square has sides of 2 * radius + 1.
    """
    result = mask.copy()
    most = np.zeros(mask.shape, np.int32)
    for number in np.unique(mask[mask != IGNORE]):
        own = mask == number
        votes = _box_sums(own, radius)
        wins = (votes > most) | ((votes == most) & own)
        result[wins], most[wins] = number, votes[wins]
    result[mask == IGNORE] = IGNORE
    return result


def _box_sums(pixels: Array, radius: int) -> Array:
    """(H, W) int32: the sum over the square around each pixel, as far as it lies in the picture."""
    for axis in (0, 1):
        length = pixels.shape[axis]
        upto = np.insert(np.cumsum(pixels, axis=axis, dtype=np.int32), 0, 0, axis=axis)
        at = np.arange(length)
        pixels = upto.take(np.minimum(at + radius + 1, length), axis) - upto.take(
            np.maximum(at - radius, 0), axis
        )
    return pixels


def to_rle(binary: Array) -> dict[str, Any]:
    """(H, W) bool as COCO's compressed run lengths: `{"size": [height, width], "counts": text}`."""
    packed = coco.encode(np.asfortranarray(binary, dtype=np.uint8))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode("ascii")}


def from_rle(rle: dict[str, Any]) -> Array:
    """COCO's run lengths, compressed or plain, as (H, W) bool; see `read_lengths`."""
    lengths = read_lengths(rle)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(rle["size"][::-1]).T


def read_lengths(rle: dict[str, Any]) -> Array:
    """The (R,) lengths of COCO's runs; pycocotools would leave what too few do not cover as it lay in memory.

    Raises:
        ValueError: they are none, or do not fill the size.
    """
    height, width = rle["size"]
    counts = np.asarray(rle["counts"] if isinstance(rle["counts"], list) else _counts(rle["counts"]))
    total = height * width
    # A longer run would let the sum overflow.
    if counts.min(initial=0) < 0 or counts.max(initial=0) > total or counts.sum() != total:
        raise ValueError(say("run lengths of {n} pixels for a mask of {total}", n=counts.sum(), total=total))
    return counts


def _counts(text: str | bytes) -> Array:
    """The lengths in COCO's text: five bits a character, the lowest first, as differences to the last but one.

    Source: rleFrString in maskApi.c of pycocotools.
    """
    code = np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(code & 32 == 0)
    size = np.diff(last, prepend=-1)
    if not len(code) or code.min() < 0 or code.max() > 63 or code[-1] & 32 or size.max() > 7:
        raise ValueError(say("not run lengths in COCO's format"))
    first = last - size + 1
    bits = 5 * (np.arange(len(code)) - np.repeat(first, size))
    counts: Array = np.add.reduceat((code & 31) << bits, first)
    counts -= np.where(code[last] & 16, 1 << 5 * size, 0)
    counts[1::2], counts[2::2] = np.cumsum(counts[1::2]), np.cumsum(counts[2::2])
    return counts


def trace_polygons(binary: Array) -> list[Polygon]:
    """The outlines of the regions of (H, W) bool, one polygon each.

    Coordinates are pixels along the edges: (0, 0) is the upper left corner of the upper left pixel, (W, H) the lower
    right corner of the last one. An outline passes half a pixel from the centres of the pixels, so it cuts corners
    off; `fill_polygons` gives back the same mask.
    """
    shapes = []
    for rings in _trace_middles(binary):
        outer, *holes = (_drop_collinear(ring / 2) for ring in rings)
        shapes.append((outer, holes))
    return shapes


def _trace_middles(binary: Array) -> Iterator[list[Array]]:
    """The closed rings of each region, the outer one first: (N, 2) of doubled (x, y) in pixels.

    A ring passes the middle of every side that a pixel of the region shares with a pixel outside.
    """
    padded = np.pad(binary.astype(float), 1)
    lines = contourpy.contour_generator(z=padded, fill_type=contourpy.FillType.OuterOffset)
    for points, offsets in zip(*lines.filled(_BELOW_HALF, 2.0), strict=True):
        middles = np.round(2 * points - 1)  # from centres of the padded mask to edges of this one
        yield [middles[a:b] for a, b in pairwise(offsets)]


def trace_borders(binary: Array) -> Iterator[list[Array]]:
    """The pixels along the border of each region of (H, W) bool, its outer one first, then those of its holes.

    Returns:
        Rings of neighbouring pixels, also at corners, each (N, 2) int64 (x, y); points may repeat.
    """
    padded = np.pad(binary, 1)
    for rings in _trace_middles(binary):
        borders = []
        for middles in rings:
            sides = middles[:-1].astype(np.int64)
            low, high = (sides - 1) // 2, sides // 2  # the pixels at each side, the upper or left one first
            own = padded[low[:, 1] + 1, low[:, 0] + 1]
            borders.append(np.where(own[:, None], low, high))
        yield borders


def coco_regions(binary: Array) -> Iterator[dict[str, Any]]:
    """COCO's `segmentation`, `bbox` and `area` (pixels) of each region of (H, W) bool.

    A region with holes is given as run lengths, for COCO's polygons can't leave anything out.
    """
    for outer, holes in trace_polygons(binary):
        corner, end = np.floor(outer.min(axis=0)).astype(int), np.ceil(outer.max(axis=0)).astype(int)
        (left, top), (width, height) = corner.tolist(), (end - corner).tolist()
        inside = fill_polygons([(outer - corner, [hole - corner for hole in holes])], height, width)
        outline: Any = [outer[:-1].ravel().tolist()]
        if holes:
            whole = np.zeros_like(binary)
            whole[top : top + height, left : left + width] = inside
            outline = to_rle(whole)
        yield {"segmentation": outline, "bbox": [left, top, width, height], "area": int(inside.sum())}


def _drop_collinear(ring: Array) -> Array:
    """The closed ring without points on straight lines."""
    step = np.diff(ring, axis=0)
    before = np.roll(step, 1, axis=0)
    turns = before[:, 0] * step[:, 1] != before[:, 1] * step[:, 0]
    corners = ring[:-1][turns]
    return np.concatenate([corners, corners[:1]])


def rasterise_ring(ring: Array, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], Array]:
    """Where the ring lies in a picture of this shape, and (h, w) bool, the pixels there that COCO has inside it."""
    last = (shape[1], shape[0])
    left, top = np.clip(np.floor(ring.min(axis=0)), 0, last).astype(int).tolist()
    right, bottom = np.clip(np.ceil(ring.max(axis=0)), 0, last).astype(int).tolist()
    box = slice(top, bottom), slice(left, right)
    if top == bottom or left == right or len(ring) < 3:
        return box, np.zeros((bottom - top, right - left), bool)
    inside = (ring - (left, top)).ravel().tolist()
    (packed,) = coco.frPyObjects([inside], bottom - top, right - left)
    return box, from_rle(packed)


def fill_polygons(shapes: list[Polygon], height: int, width: int, draw: Rasteriser = rasterise_ring) -> Array:
    """(height, width) bool: what lies in any of the polygons, without their holes.

    Args:
        shapes: as `polygons` gives them; rings may be open, and what lies outside the picture is cut off.
        height: pixels.
        width: pixels.
        draw: of one ring; as COCO does it by default.
    """
    filled = np.zeros((height, width), bool)
    for outer, holes in shapes:
        box, inside = draw(outer, filled.shape)
        for hole in holes:
            within, gap = draw(hole - (box[1].start, box[0].start), inside.shape)
            inside[within] &= ~gap
        filled[box] |= inside
    return filled
