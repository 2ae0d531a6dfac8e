"""The outlines that annotation tools draw, in COCO's terms; each is made when its mask is drawn, and not before."""

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from math import acos, ceil, isfinite, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.messages import say
from pupila.imaging import contours, regions
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.masks.codec import read_stored_mask

Array = NDArray[Any]
Outline = Callable[
    [], Any
]  # gives polygons or run lengths; ValueError where the file's values are no such shape

PIXELS = "pixels"  # key of an outline through the centres of pixels: its ring [[x, y], ...], then those of its holes
_DEVIATION = 0.05  # of a polygon from the ellipse that it stands for, in pixels
_MOST_BYTES = 1 << 28  # of a mask inside an annotation file, decompressed
_MOST_PIXELS = 178_000_000  # of a mask; the largest limit that a user can set


def polygon(points: Any) -> Outline:
    """A polygon of points [[x, y], ...] in pixels."""
    return partial(_polygon, points)


def contour(points: Any, holes: Any = (), size: tuple[Any, Any] = (0, 0)) -> Outline:
    """A polygon of points [[x, y], ...] that are pixels, as OpenCV draws it, where all are whole numbers.

    Args:
        points: of the outer ring.
        holes: further rings, which are cut out.
        size: (height, width) of the image, needed where there are holes.
    """
    return partial(_contour, points, holes, size)


def rectangle(left: Any, top: Any, width: Any, height: Any, turn: Any = 0) -> Outline:
    """A rectangle, turned clockwise around its middle by degrees."""
    return partial(_rectangle, left, top, width, height, turn)


def ellipse(x: Any, y: Any, across: Any, down: Any, turn: Any = 0) -> Outline:
    """An ellipse around (x, y) with its half axes, turned clockwise by degrees."""
    return partial(_ellipse, x, y, across, down, turn)


def pasted_mask(draw: Callable[[], Array], corner: tuple[Any, Any], size: tuple[Any, Any]) -> Outline:
    """A small mask, (h, w) bool, at (left, top) in an image of (height, width); what lies outside is cut off."""
    return partial(_paste, draw, corner, size)


def decode_bitmap(text: Any, compressed: bool) -> Array:
    """(h, w) bool: an image file in Base64; its marked pixels are not 0.

    Args:
        text: Base64.
        compressed: whether zlib compressed the file before.

    Raises:
        ValueError: it is none.
    """
    try:
        data = base64.b64decode(text, validate=False)
        if compressed:
            data = zlib.decompressobj().decompress(data, _MOST_BYTES)
        return np.asarray(read_stored_mask(data).values > 0)
    except (TypeError, binascii.Error, zlib.error, ImageFault) as fault:
        raise ValueError(say("its mask can't be decoded: {fault}", fault=fault)) from fault


def _points(raw: Any) -> Array:
    """(N, 2) float64."""
    try:
        points = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(say("its outline is not a list of points")) from fault
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(say("its outline is not a list of points"))
    return points


def _numbers(*raw: Any) -> list[float]:
    try:
        numbers = [float(each or 0) for each in raw]
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(say("its outline is not made of numbers")) from fault
    if not all(map(isfinite, numbers)):
        raise ValueError(say("it has a polygon far outside the image"))
    return numbers


def _polygon(raw: Any) -> list[list[float]]:
    points = _points(raw)
    if len(points) < 3:
        raise ValueError(say("it has a polygon of fewer than three points"))
    return [points.ravel().tolist()]


def _contour(raw: Any, holes: Any, size: tuple[Any, Any]) -> Any:
    points = [_points(ring) for ring in (raw, *(holes or ()))]
    pixels = [contours.find_pixels(ring) for ring in points if len(ring) > 2]
    if len(pixels) < len(points) or any(ring is None for ring in pixels):
        return _hollow_polygon(points, size) if holes else _polygon(raw)
    return {PIXELS: [ring.tolist() for ring in pixels if ring is not None]}


def _turn(points: Array, middle: tuple[float, float], degrees: float) -> list[list[float]]:
    angle = np.deg2rad(degrees)
    turned = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [(turned + middle).ravel().tolist()]


def _rectangle(left: Any, top: Any, width: Any, height: Any, turn: Any) -> list[list[float]]:
    x, y, across, down, degrees = _numbers(left, top, width, height, turn)
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (across / 2, down / 2)
    return _turn(half, (x + across / 2, y + down / 2), degrees)


def _ellipse(x: Any, y: Any, across: Any, down: Any, turn: Any) -> list[list[float]]:
    left, top, wide, high, degrees = _numbers(x, y, across, down, turn)
    longest = max(abs(wide), abs(high))
    if not longest < 1e6:
        raise ValueError(say("it has a polygon far outside the image"))
    corners = max(16, ceil(pi / acos(max(0.0, 1 - _DEVIATION / longest)))) if longest > _DEVIATION else 16
    angles = np.arange(corners) * 2 * pi / corners
    return _turn(np.stack([np.cos(angles) * wide, np.sin(angles) * high], axis=1), (left, top), degrees)


def _image_size(size: tuple[Any, Any]) -> tuple[int, int]:
    height, width = (int(side) for side in _numbers(*size))
    if not (0 < height <= _MOST_PIXELS and width > 0 and height * width <= _MOST_PIXELS):
        raise ValueError(
            say("its image has the unsupported size {width} x {height}", width=width, height=height)
        )
    return height, width


def _hollow_polygon(rings: list[Array], size: tuple[Any, Any]) -> dict[str, Any]:
    height, width = _image_size(size)
    if not all(np.isfinite(ring).all() and (np.abs(ring) <= 2 * max(height, width)).all() for ring in rings):
        raise ValueError(say("it has a polygon far outside the image"))
    return regions.to_rle(regions.fill_polygons([(rings[0], rings[1:])], height, width))


def _paste(draw: Callable[[], Array], corner: tuple[Any, Any], size: tuple[Any, Any]) -> dict[str, Any]:
    height, width = _image_size(size)
    left, top = (round(each) for each in _numbers(*corner))
    small, mask = draw(), np.zeros((height, width), bool)
    visible = small[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    top, left = max(0, top), max(0, left)
    mask[top : top + visible.shape[0], left : left + visible.shape[1]] = visible
    return regions.to_rle(mask)


def row_runs(counts: Sequence[Any], height: Any, width: Any) -> Array:
    """(height, width) bool from run lengths along the rows, the first one of pixels outside.

    Raises:
        ValueError: they do not fill the size.
    """
    down, across = _image_size((height, width))
    lengths = np.asarray([int(each) for each in _numbers(*counts)])
    if lengths.min(initial=0) < 0 or lengths.sum() != down * across:
        raise ValueError(
            say("run lengths of {n} pixels for a mask of {total}", n=lengths.sum(), total=down * across)
        )
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(down, across)
