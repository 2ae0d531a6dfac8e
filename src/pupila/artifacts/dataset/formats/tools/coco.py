"""COCO: JSON files of images, categories and annotations, under the names that COCO and Roboflow give them."""

import reprlib
from collections import defaultdict
from typing import Any

from pupila.artifacts.dataset.formats.masks.panoptic import read_segments
from pupila.artifacts.dataset.formats.tools.annotation_file import (
    UNLABELLED,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    class_name,
    describe_shared_names,
    dictionaries,
    to_int,
)
from pupila.artifacts.dataset.formats.tools.outlines import contour
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count

_KEYS = ("images", "annotations", "categories")


def parse(content: Any, uri: str) -> AnnotationFile | None:
    """The content of a COCO file; None where it is something else.

    Args:
        content: of a JSON file.
        uri: of the file, for messages.

    Raises:
        PupilaError: its lists hold something else than records, two images or two categories share an id, or none of
            the annotations belongs to an image.
    """
    if not isinstance(content, dict):
        return None
    listed = dictionaries(content.get("images"))
    if not any({"file_name", "coco_url"} & image.keys() for image in listed):
        return None
    given = dictionaries(content.get("annotations"))
    if given and not any({"category_id", "segments_info"} & each.keys() for each in given):
        return None  # captions
    images, annotations, categories = (_records(content, key, uri) for key in _KEYS)
    categories = _check_categories(categories, uri)
    annotations = [part for each in annotations for part in (read_segments(each, uri) or [each])]
    annotations, rewritten = _as_rings(annotations)
    traced = _is_traced(content)
    used = {_id_text(annotation.get("category_id")): None for annotation in annotations}
    parents = {c.get("supercategory") for c in categories if c.get("supercategory") != c["name"]}
    # Roboflow begins its list with an umbrella category, which only names the others together.
    names = {_id_text(c["id"]): str(c["name"]) for c in categories
             if _id_text(c["id"]) in used or c["name"] not in parents}  # fmt: skip
    notes = [*describe_shared_names(names.values(), uri), *_describe_rewritten(rewritten, uri)]
    if traced:
        notes.append(say("{path}: outlines that Label Studio traced around its brushes, on pixel centres and without "
                         "holes; its JSON holds the brushes themselves.", path=uri))  # fmt: skip
    if used and not names:
        names = {key: key for key in used}
        notes.append(say("{path} has no categories: the classes are called by their ids.", path=uri))
    records, first = _unite_records(images, uri, bool(annotations))
    by_image: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        category = _id_text(annotation.get("category_id"))
        record = Annotation(
            names.get(category, category),
            _as_contour(annotation.get("segmentation")) if traced else annotation.get("segmentation"),
            bool(annotation.get("bbox")),
        )
        key = _id_text(annotation.get("image_id"))
        by_image[first.get(key, key)].append(record)
    if by_image and by_image.keys().isdisjoint(records):
        raise PupilaError(
            say("None of the annotations in {path} belongs to one of its images", path=uri),
            actual=say("annotations of the images {keys}; images with the ids {ids}",
                       keys=listing(list(by_image), 3), ids=listing(list(records), 3)),
            expected=say("as image_id of an annotation, the id of an image"),
            remedy=say("export the annotations again"),
        )  # fmt: skip
    return AnnotationFile(records, dict(by_image), list(names.values()), notes=notes)


def _is_traced(content: dict[str, Any]) -> bool:
    """Whether it is Label Studio's export BRUSH_TO_COCO, whose outlines are those that OpenCV finds."""
    info = content.get("info")
    return isinstance(info, dict) and info.get("contributor") == "Label Studio Converter"


def _as_contour(segmentation: Any) -> Any:
    """An outline of pixels, where the segmentation is one polygon; else as it is."""
    if not isinstance(segmentation, list) or len(segmentation) != 1 or not isinstance(segmentation[0], list):
        return segmentation
    ring = segmentation[0]
    return contour([ring[n : n + 2] for n in range(0, len(ring), 2)]) if len(ring) >= 6 else segmentation


def _as_rings(annotations: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The annotations with outlines in COCO's form, a list of [x1, y1, x2, y2, ...], and how many had another."""
    plain = [each | {"segmentation": ring} if (ring := _as_ring(each.get("segmentation"))) else each
             for each in annotations]  # fmt: skip
    return plain, sum(new is not old for new, old in zip(plain, annotations, strict=True))


def _as_ring(raw: Any) -> list[list[Any]]:
    """The one outline in [x1, y1, x2, y2, ...] or in [[x, y], [x, y], ...]; empty where the value is neither."""
    if not isinstance(raw, list) or len(raw) < 3:
        return []
    if all(isinstance(each, int | float) for each in raw):
        return [raw] if len(raw) % 2 == 0 and len(raw) >= 6 else []
    pairs = all(
        isinstance(each, list) and len(each) == 2 and all(isinstance(n, int | float) for n in each)
        for each in raw
    )
    return [[number for pair in raw for number in pair]] if pairs else []


def _describe_rewritten(count: int, uri: str) -> list[str]:
    return [say_count("{path}: {n} outline lacks the list around it, or lists its points in pairs: it is read as one "
                      "polygon.", "{path}: {n} outlines lack the list around them, or list their points in pairs: each "
                      "is read as one polygon.", count, path=uri)] if count else []  # fmt: skip


def _records(content: dict[str, Any], key: str, uri: str) -> list[dict[str, Any]]:
    """The records of a list; none where the file lacks it.

    Raises:
        PupilaError: it is no list of records.
    """
    raw: Any = content.get(key)
    if raw is None:
        return []
    wrong = [each for each in raw if not isinstance(each, dict)] if isinstance(raw, list) else [raw]
    if wrong:
        raise PupilaError(
            say("Can't read {key} in {path}", key=f'"{key}"', path=uri), actual=reprlib.repr(wrong[0]),
            expected=say("a list of records in braces"), remedy=say("export the annotations again"),
        )  # fmt: skip
    return list(raw)


def _check_categories(categories: list[dict[str, Any]], uri: str) -> list[dict[str, Any]]:
    """Those with an id and a name.

    Raises:
        PupilaError: a name is no text, or two names share an id.
    """
    categories = [category for category in categories if {"id", "name"} <= category.keys()]
    names: dict[str, str] = {}
    for category in categories:
        key, name = _id_text(category["id"]), category["name"]
        if class_name(name) == UNLABELLED != name:
            raise PupilaError(
                say("A category in {path} has no name", path=uri), actual=reprlib.repr(name),
                expected=say("a text"), remedy=say("name the category, or export the annotations again"),
            )  # fmt: skip
        if names.setdefault(key, str(name)) != str(name):
            raise PupilaError(
                say("Two categories share an id in {path}", path=uri),
                actual=say("id {id}: {first} and {second}", id=key, first=names[key], second=str(name)),
                expected=say("an id of its own for each category"), remedy=say("export the annotations again"),
            )  # fmt: skip
    return categories


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
