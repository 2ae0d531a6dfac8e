"""The shapes of Label Studio's results, in percent of the image, as outlines in pixels."""

from functools import partial
from math import cos, radians, sin
from typing import Any

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.studio_tasks import Json, result_kind
from pupila.core.messages import say
from pupila.imaging.masks import brush
from pupila.imaging.regions import to_rle

Size = tuple[Any, Any]  # height and width of the image that it was drawn on, pixels; as in the file
_SUFFIX = "labels"  # of the types of regions with a class


def region_names(result: Json) -> list[Any]:
    """The classes of a region as the file has them; none where it has no class."""
    value = result["value"]
    labels = value.get(result_kind(result)) or value.get(_SUFFIX) or []
    return labels if isinstance(labels, list) else [labels]


def region_size(result: Json) -> Size:
    """The size of the image that a region was drawn on; None where the file does not say."""
    return result.get("original_height"), result.get("original_width")


def region_shape(result: Json) -> str:
    """The shape in Label Studio's word: brush, polygon, keypoint, ..."""
    return result_kind(result).removesuffix(_SUFFIX) or result_kind(result)


def is_rectangle(result: Json) -> bool:
    """Whether a region is a rectangle, maybe a turned one."""
    value = result["value"]
    outline = {"rle", "points", "radiusX"} & value.keys()
    return not outline and {"x", "y", "width", "height"} <= value.keys()


def region_outline(result: Json, size: Size) -> outlines.Outline | None:
    """What draws a region, in COCO's terms; None for points, vectors and other kinds without an area.

    The kind of a value shows in its keys: the type of a result may be `labels` alone.

    Args:
        result: of an annotation.
        size: see `region_size`.
    """
    value = result["value"]
    if "rle" in value:
        draw: outlines.Outline = partial(_draw_brush, value["rle"], size)
    elif "points" in value:
        draw = partial(_draw_polygon, value["points"], size)
    elif "radiusX" in value:
        draw = partial(_draw_ellipse, value, size)
    elif is_rectangle(result):
        draw = partial(_draw_rectangle, value, size)
    else:
        return None
    return _refuse_rotated if result.get("image_rotation") else draw


def _refuse_rotated() -> Any:
    """The places of its results are those of the rotated picture, which no file here shows."""
    raise ValueError(say("drawn on a rotated image"))


def _pixels(size: tuple[Any, Any]) -> tuple[float, float]:
    """Pixels of a percent: down and across."""
    try:
        height, width = (float(side) / 100 for side in size)
    except (TypeError, ValueError) as fault:
        raise ValueError(say("the size of its image is not known")) from fault
    return height, width


def _scale_values(value: Json, names: dict[str, float]) -> list[float]:
    try:
        return [float(value.get(name) or 0) * scale for name, scale in names.items()]
    except (TypeError, ValueError) as fault:
        raise ValueError(say("its outline is not made of numbers")) from fault


def _draw_polygon(points: Any, size: tuple[Any, Any]) -> Any:
    down, across = _pixels(size)
    (ring,) = outlines.polygon(points)()
    return [[each * (down if place % 2 else across) for place, each in enumerate(ring)]]


def _draw_ellipse(value: Json, size: tuple[Any, Any]) -> Any:
    down, across = _pixels(size)
    scales = {"x": across, "y": down, "radiusX": across, "radiusY": down, "rotation": 1.0}
    return outlines.ellipse(*_scale_values(value, scales))()


def _draw_rectangle(value: Json, size: tuple[Any, Any]) -> Any:
    """Turned clockwise around its upper left corner, in degrees."""
    down, across = _pixels(size)
    scales = {"x": across, "y": down, "width": across, "height": down, "rotation": 1.0}
    x, y, width, height, turn = _scale_values(value, scales)
    right = cos(radians(turn)) * width, sin(radians(turn)) * width
    below = -sin(radians(turn)) * height, cos(radians(turn)) * height
    corners = ((0, 0), right, (right[0] + below[0], right[1] + below[1]), below)
    return outlines.polygon([(x + dx, y + dy) for dx, dy in corners])()


def _draw_brush(numbers: Any, size: tuple[Any, Any]) -> Any:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError) as fault:
        raise ValueError(say("the size of its image is not known")) from fault
    return to_rle(brush.decode(numbers, height, width))
