"""labelme: a JSON file beside each image, with its shapes and flags."""

from functools import partial
from math import hypot
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
    region_records,
)
from pupila.core.messages import say

_ID = "0"  # of the one image


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of a labelme file; None where it is something else.

    Args:
        content: of a JSON file.
        uri: of the file: its image has the same stem where it does not lie where the file says.

    Raises:
        PupilaError: a shape is no record.
    """
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        return None
    if not content.keys() & {"imagePath", "imageData"}:
        return None
    stem = PurePosixPath(uri).stem
    size = content.get("imageHeight"), content.get("imageWidth")
    image = AnnotatedImage(str(content.get("imagePath") or stem), *size, fallbacks=(stem,))
    shapes = [_parse_shape(shape, size) for shape in region_records(content["shapes"], uri)]
    flags = content.get("flags")
    tags = {str(name): bool(value) for name, value in flags.items()} if isinstance(flags, dict) else {}
    annotations = [*shapes, *(Annotation(name, shape=TAG) for name in tags if tags[name])]
    names = list(dict.fromkeys(shape.category for shape in shapes))
    return AnnotationFile({_ID: image}, {_ID: annotations} if annotations else {}, names, list(tags))


def _parse_shape(shape: dict[str, Any], size: tuple[Any, Any]) -> Annotation:
    """A shape; lines and points have no area."""
    category, points = class_name(shape.get("label")), shape.get("points")
    match kind := str(shape.get("shape_type") or "polygon"):
        case "polygon" | "oriented_rectangle":
            return Annotation(category, outlines.contour(points))
        case "rectangle":
            return Annotation(category, partial(_draw_rectangle, points), shape=RECTANGLE)
        case "circle":
            return Annotation(category, partial(_draw_circle, points))
        case "mask":
            return Annotation(category, partial(_draw_mask, shape.get("mask"), points, size))
    return Annotation(category, shape=kind)


def _corners(points: Any) -> tuple[float, float, float, float]:
    """Both points of a shape that has two.

    Raises:
        ValueError: it has others.
    """
    try:
        (left, top), (right, bottom) = points
        return float(left), float(top), float(right), float(bottom)
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(say("its outline is not a list of points")) from fault


def _draw_rectangle(points: Any) -> Any:
    """The rectangle between two corners; later versions write all four."""
    if isinstance(points, list) and len(points) == 4:
        return outlines.contour(points)()
    left, top, right, bottom = _corners(points)
    return outlines.contour([(left, top), (right, top), (right, bottom), (left, bottom)])()


def _draw_circle(points: Any) -> Any:
    """The circle around the first point, through the second."""
    x, y, edge_x, edge_y = _corners(points)
    radius = hypot(edge_x - x, edge_y - y)
    return outlines.ellipse(x, y, radius, radius)()


def _draw_mask(text: Any, points: Any, size: tuple[Any, Any]) -> Any:
    """The mask whose upper left pixel is the first point."""
    left, top, _, _ = _corners(points)
    return outlines.pasted_mask(
        lambda: outlines.decode_bitmap(text, compressed=False),
        (int(np.floor(left)), int(np.floor(top))),
        size,
    )()
