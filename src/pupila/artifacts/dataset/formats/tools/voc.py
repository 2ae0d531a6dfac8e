"""Pascal VOC: an XML file for each image, with the boxes of its objects."""

from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

from pupila.artifacts.dataset.formats.tools import outlines
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
)
from pupila.artifacts.dataset.formats.tools.xml_file import read_text, whole_number

_ID = "0"  # of the one image


def parse(root: Any, uri: str) -> AnnotationFile | None:
    """The content of a VOC file; None where it is something else.

    Args:
        root: element of an XML file.
        uri: of the file: its image has the same stem where it does not lie where the file says.
    """
    if not isinstance(root, Element) or root.tag != "annotation":
        return None
    if root.find("object") is None and root.find("size") is None and root.find("filename") is None:
        return None
    stem = PurePosixPath(uri).stem
    height, width = (whole_number(root.findtext(f"size/{side}")) or None for side in ("height", "width"))
    image = AnnotatedImage(read_text(root, "filename", "path") or stem, height, width, fallbacks=(stem,))
    annotations = [_parse_object(each) for each in root.findall("object")]
    names = list(dict.fromkeys(each.category for each in annotations))
    return AnnotationFile({_ID: image}, {_ID: annotations} if annotations else {}, names)


def _parse_object(element: Element) -> Annotation:
    """An object; some tools add its outline, as `x1 y1 x2 y2 ...` or as `pt` elements."""
    category, outline = class_name(read_text(element, "name")), element.find("polygon")
    if outline is None:
        # LabelMe's web tool has a mask file instead, which is not read: the object has a place all the same.
        boxed = element.find("bndbox") is not None or element.find("segm") is not None
        return Annotation(category, boxed=boxed)
    points: list[Any] = [(read_text(each, "x"), read_text(each, "y")) for each in outline.findall("pt")]
    number = 1
    while outline.find(f"x{number}") is not None:
        points.append((read_text(outline, f"x{number}"), read_text(outline, f"y{number}")))
        number += 1
    return Annotation(category, outlines.contour(points), boxed=True)
