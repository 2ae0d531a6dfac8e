"""The shapes of Label Studio's regions as pixels."""

import json
from collections.abc import Callable
from math import cos, radians, sin

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.masks.brush import decode
from pupila.imaging.regions import fill_polygons
from pupila.stages.label.studio.items import Json

BRUSH = "brushlabels"  # type of a region, and the name of its classes


def _draw_brush(value: Json, height: int, width: int) -> Array:
    return decode(value["rle"], height, width)


def _draw_polygon(value: Json, height: int, width: int) -> Array:
    points = np.asarray(value["points"], dtype=np.float64) / 100 * (width, height)
    if points.ndim != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(json.dumps(value["points"])[:40])
    return fill_polygons([(points, [])], height, width)


def _draw_rectangle(value: Json, height: int, width: int) -> Array:
    """Rotated around its upper left corner, clockwise, in degrees."""
    x, y, across, down = (
        float(value[name]) / 100 * side
        for name, side in (("x", width), ("y", height), ("width", width), ("height", height))
    )
    turn = radians(float(value.get("rotation") or 0))
    right, below = np.array([cos(turn), sin(turn)]) * across, np.array([-sin(turn), cos(turn)]) * down
    corner = np.array([x, y])
    ring = np.stack([corner, corner + right, corner + right + below, corner + below])
    return fill_polygons([(ring, [])], height, width)


# Type of a region -> (value, height and width of the image in pixels) to (H, W) bool; ValueError, KeyError or TypeError
# for a value that is no such shape.
SHAPES: dict[str, Callable[[Json, int, int], Array]] = {
    BRUSH: _draw_brush,
    "polygonlabels": _draw_polygon,
    "rectanglelabels": _draw_rectangle,
}
