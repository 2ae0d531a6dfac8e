"""CVAT for images 1.1: one XML file of images with shapes and tags."""

from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    RECTANGLE,
    TAG,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
)
from pupila.artifacts.dataset.formats.tools.xml_file import read_text, whole_number
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import SPLIT_WORDS


def parse(root: Any, uri: str) -> AnnotationFile | None:
    """The content of CVAT's file; None where it is something else.

    Args:
        root: element of an XML file.
        uri: of the file, for messages.

    Raises:
        PupilaError: it is about a video.
    """
    if not isinstance(root, Element) or root.tag != "annotations":
        return None
    elements = root.findall("image")
    if not elements and root.find("track") is not None:
        raise PupilaError(
            say("{path} holds the annotations of a video", path=uri), actual=say("tracks of CVAT for video"),
            expected=say("images with shapes"), remedy=say("export it from CVAT as CVAT for images 1.1"),
        )  # fmt: skip
    if not elements:
        return None
    images: dict[str, AnnotatedImage] = {}
    annotations: dict[str, list[Annotation]] = {}
    for number, element in enumerate(elements):
        key = element.get("id") or str(number)
        key = f"{element.get('task_id', '')}/{key}" if key in images else key
        height, width = (whole_number(element.get(side)) for side in ("height", "width"))
        split = SPLIT_WORDS.get((element.get("subset") or "").lower())
        images[key] = AnnotatedImage(element.get("name", ""), height, width, split)
        ordered = sorted(element, key=lambda each: whole_number(each.get("z_order")) or 0)
        shapes = [_parse_shape(shape, (height, width)) for shape in ordered]
        if shapes:
            annotations[key] = shapes
    declared = [(read_text(label, "name"), read_text(label, "type")) for label in root.iter("label")]
    objects = [each for some in annotations.values() for each in some if each.shape != TAG]
    tags = {each.category for some in annotations.values() for each in some if each.shape == TAG}
    used = {each.category for each in objects}
    names = [
        name for name, kind in declared if name and (name in used or (kind != "tag" and name not in tags))
    ]
    names += [each.category for each in objects]
    label_names = [name for name, _ in declared if name and name not in names] + sorted(tags - {*names})
    return AnnotationFile(images, annotations, list(dict.fromkeys(names)), list(dict.fromkeys(label_names)))


def _parse_shape(element: Element, size: tuple[int | None, int | None]) -> Annotation:
    category, get = class_name(element.get("label")), element.get
    match element.tag:
        case "polygon":
            points = [pair.split(",") for pair in get("points", "").split(";") if pair]
            return Annotation(category, outlines.polygon(points))
        case "box":
            return Annotation(category, partial(_draw_box, element), shape=RECTANGLE)
        case "ellipse":
            values = [get(name) for name in ("cx", "cy", "rx", "ry", "rotation")]
            return Annotation(category, outlines.ellipse(*values))
        case "mask":
            return Annotation(category, partial(_draw_mask, element, size))
        case "tag":
            return Annotation(category, shape=TAG)
    return Annotation(category, shape=element.tag)


def _draw_box(element: Element) -> Any:
    try:
        left, top, right, bottom = (float(element.get(name, "")) for name in ("xtl", "ytl", "xbr", "ybr"))
    except ValueError as fault:
        raise ValueError(say("its outline is not made of numbers")) from fault
    return outlines.rectangle(left, top, right - left, bottom - top, element.get("rotation"))()


def _draw_mask(element: Element, size: tuple[int | None, int | None]) -> Any:
    """Run lengths along the rows of a box."""
    left, top, width, height = (element.get(name) for name in ("left", "top", "width", "height"))
    counts = element.get("rle", "").split(",")
    return outlines.pasted_mask(lambda: outlines.row_runs(counts, height, width), (left, top), size)()
