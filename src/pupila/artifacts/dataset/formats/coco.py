"""COCO: JSON files of images, categories and annotations, under the names that COCO and Roboflow give them."""

from collections import defaultdict
from typing import Any

from pupila.artifacts.dataset.formats.annotation_file import (
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    to_int,
)
from pupila.artifacts.dataset.formats.panoptic import read_segments
from pupila.core.errors import PupilaError
from pupila.core.messages import say


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of a COCO file; None where it is something else.

    Args:
        content: of a JSON file.
        uri: of the file, for messages.

    Raises:
        PupilaError: two images share an id.
    """
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return None
    images, annotations, categories = (
        [item for item in content.get(key) or [] if isinstance(item, dict)]
        if isinstance(content.get(key), list | None) else []
        for key in ("images", "annotations", "categories")
    )  # fmt: skip
    if not any({"file_name", "coco_url"} & image.keys() for image in images):
        return None
    if annotations and not any({"category_id", "segments_info"} & each.keys() for each in annotations):
        return None  # captions
    categories = [category for category in categories if {"id", "name"} <= category.keys()]
    annotations = [part for each in annotations for part in (read_segments(each, uri) or [each])]
    used = {_id_text(annotation.get("category_id")): None for annotation in annotations}
    parents = {c.get("supercategory") for c in categories if c.get("supercategory") != c["name"]}
    # Roboflow begins its list with an umbrella category, which only names the others together.
    names = {_id_text(c["id"]): str(c["name"]) for c in categories
             if _id_text(c["id"]) in used or c["name"] not in parents}  # fmt: skip
    notes = []
    if used and not names:
        names = {key: key for key in used}
        notes.append(say("{path} has no categories: the classes are called by their ids.", path=uri))
    records, first = _unite_records(images, uri, bool(annotations))
    by_image: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        category = _id_text(annotation.get("category_id"))
        record = Annotation(
            names.get(category, category), annotation.get("segmentation"), bool(annotation.get("bbox"))
        )
        key = _id_text(annotation.get("image_id"))
        by_image[first.get(key, key)].append(record)
    return AnnotationFile(records, dict(by_image), list(names.values()), notes=notes)


def _unite_records(
    images: list[dict[str, Any]], uri: str, annotated: bool
) -> tuple[dict[str, AnnotatedImage], dict[str, str]]:
    """The images by id, and id -> the first id of the same file name: all annotations of an image count.

    Args:
        images: records of the file.
        uri: of the file, for messages.
        annotated: whether the file has annotations: without them, its images are not labelled yet.

    Raises:
        PupilaError: two images share an id.
    """
    records: dict[str, AnnotatedImage] = {}
    first: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for image in images:
        if "id" not in image:
            continue
        key, name = _id_text(image["id"]), str(image.get("file_name") or image.get("coco_url") or "")
        if key in first and records[first[key]].file_name != name:
            raise PupilaError(
                say("Two images share an id in {path}", path=uri),
                actual=say("id {id}: {first} and {second}", id=key, first=records[first[key]].file_name, second=name),
                expected=say("an id of its own for each image"), remedy=say("export the annotations again"),
            )  # fmt: skip
        first[key] = by_name.setdefault(name, key) if name else key
        if first[key] == key:
            records[key] = AnnotatedImage(name, image.get("height"), image.get("width"), annotated=annotated)
    return records, first


def _id_text(raw: Any) -> str:
    """An id as text, as some files have it; pandas writes integers as floats where a column has missing values."""
    return str(to_int(raw))
