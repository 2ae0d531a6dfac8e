"""Supervisely: `ann/NAME.jpg.json` for each `img/NAME.jpg`, and the classes of the project in `meta.json`."""

from functools import partial
from pathlib import PurePosixPath
from typing import Any

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
    dictionaries,
    region_records,
)
from pupila.core.messages import say
from pupila.core.vocabulary import SPLIT_WORDS

_ID = "0"  # of the one image
Json = dict[str, Any]


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of the file of an image, or of the project; None where it is something else.

    Args:
        content: of a JSON file.
        uri: of the file, which is named after its image.

    Raises:
        PupilaError: an object is no record.
    """
    if not isinstance(content, dict):
        return None
    classes, objects, size = content.get("classes"), content.get("objects"), content.get("size")
    if (
        isinstance(classes, list)
        and classes
        and all(isinstance(c, dict) and {"title", "shape"} <= c.keys() for c in classes)
    ):
        return AnnotationFile({}, {}, [class_name(each["title"]) for each in classes])
    if not isinstance(objects, list) or not isinstance(size, dict) or not {"height", "width"} <= size.keys():
        return None
    name = PurePosixPath(uri).name.removesuffix(".json")
    given = dictionaries(content.get("tags"))
    split = next((s for tag in given if (s := SPLIT_WORDS.get(str(tag.get("name")).lower()))), None)
    tags = [_tag_class(tag) for tag in given if str(tag.get("name")).lower() not in SPLIT_WORDS]
    shape = size["height"], size["width"]
    drawn = [_parse_object(each, shape) for each in region_records(objects, uri)]
    annotations = [*drawn, *(Annotation(tag, shape=TAG) for tag in tags)]
    return AnnotationFile(
        {_ID: AnnotatedImage(name, *shape, split)},
        {_ID: annotations} if annotations else {},
        list(dict.fromkeys(each.category for each in drawn)),
        list(dict.fromkeys(tags)),
    )


def _tag_class(tag: Json) -> str:
    """The class that a tag of the image names: its value where that is a text, else its name."""
    value = tag.get("value")
    return value if isinstance(value, str) and value else class_name(tag.get("name"))


def _parse_object(each: Json, size: tuple[Any, Any]) -> Annotation:
    category, points = class_name(each.get("classTitle")), each.get("points")
    points = points if isinstance(points, dict) else {}
    outer, holes = points.get("exterior"), points.get("interior")
    match kind := str(each.get("geometryType") or ("bitmap" if each.get("bitmap") else "polygon")):
        case "polygon":
            return Annotation(category, outlines.contour(outer, holes, size))
        case "bitmap":
            return Annotation(category, partial(_draw_bitmap, each.get("bitmap"), size))
        case "rectangle":
            return Annotation(category, partial(_draw_rectangle, outer), shape=RECTANGLE)
    return Annotation(category, shape=kind)


def _draw_bitmap(bitmap: Any, size: tuple[Any, Any]) -> Any:
    """A PNG, compressed and in Base64, whose upper left pixel lies at the origin."""
    if (
        not isinstance(bitmap, dict)
        or not isinstance(bitmap.get("origin"), list)
        or len(bitmap["origin"]) != 2
    ):
        raise ValueError(say("its bitmap has no data or no origin"))
    left, top = bitmap["origin"]
    text = bitmap.get("data")
    return outlines.pasted_mask(lambda: outlines.decode_bitmap(text, compressed=True), (left, top), size)()


def _draw_rectangle(points: Any) -> Any:
    """The rectangle between two corners, which are pixels: both belong to it."""
    try:
        (left, top), (right, bottom) = points
        across, down = right - left + 1, bottom - top + 1
    except (TypeError, ValueError) as fault:
        raise ValueError(say("its outline is not a list of points")) from fault
    return outlines.rectangle(left, top, across, down)()
