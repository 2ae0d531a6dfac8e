"""A scatter plot of images: hovering over a point shows its image, with a few lines of script in the page."""

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pupila.artifacts.report.figure import COLOURS
from pupila.artifacts.report.gallery import to_data_uri
from pupila.imaging.images.decode import Array

WIDTH, HEIGHT, MARGIN = 1000, 640, 16  # of the drawing, pixels
OTHERS = "#8c959f"
_QUALITY = 55  # JPEG quality of the sprite sheet: 2,000 images take about 1 MB
_OUTERMOST = 0.5  # percent of the points at each end that may be clipped to the edge


@dataclass(frozen=True, slots=True)
class Point:
    """One image on the map."""

    x: float
    y: float
    kind: int  # index of its colour in the legend
    aspect: float  # width / height
    name: str  # shown beside the image


def draw_image_map(title: str, points: list[Point], kinds: list[str], miniatures: Array) -> Markup:
    """The map as HTML for a page.

    Args:
        title: above it.
        points: K of them; the scales of x and y mean nothing.
        kinds: names of the colours; those beyond the palette are grey.
        miniatures: (K, S, S, 3) uint8, in the order of the points.
    """
    import jinja2

    columns = max(1, math.ceil(math.sqrt(len(points))))
    lines = max(1, math.ceil(len(points) / columns))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pupila.artifacts.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    drawn = environment.get_template("map.html").render(
        title=title, points=_to_pixels(points), kinds=kinds, columns=columns, lines=lines, width=WIDTH, height=HEIGHT,
        radius=6 if len(points) <= 600 else 4, sheet=to_data_uri(_sheet(miniatures, columns, lines), _QUALITY),
        colours=[COLOURS[k] if k < len(COLOURS) else OTHERS for k in range(max(len(kinds), 1))],
    )  # fmt: skip
    return Markup(drawn)  # the template escapes every name


def _to_pixels(points: list[Point]) -> list[Point]:
    """The points in pixels of the drawing; outliers are clipped to its edge."""
    places = np.array([(point.x, point.y) for point in points], dtype=float).reshape(-1, 2)
    low, high = np.percentile(places, (_OUTERMOST, 100 - _OUTERMOST), axis=0)
    scaled = np.clip((places - low) / np.maximum(high - low, 1e-9), -0.01, 1.01)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    return [
        Point(round(x, 1), round(y, 1), point.kind, round(point.aspect, 3), point.name)
        for point, (x, y) in zip(points, (MARGIN + scaled * room).tolist(), strict=True)
    ]


def _sheet(miniatures: Array, columns: int, lines: int) -> Array:
    """(lines x S, columns x S, 3) uint8: all miniatures side by side."""
    side = miniatures.shape[1]
    sheet = np.zeros((columns * lines, side, side, 3), np.uint8)
    sheet[: len(miniatures)] = miniatures
    return (
        sheet.reshape(lines, columns, side, side, 3).swapaxes(1, 2).reshape(lines * side, columns * side, 3)
    )
