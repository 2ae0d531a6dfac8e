"""Masks from annotation files: COCO's and YOLO's polygons and run lengths, drawn as the stored values of a mask.

A target names its annotation: `train/_annotations.coco.json#12` is image 12 of a COCO file, `labels/a.txt` a YOLO file.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.annotation_file import AnnotatedImage, Annotation, AnnotationFile
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging import regions
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import StoredMask
from pupila.imaging.masks.label_map import BACKGROUND, NO_LABEL, LabelMap

Array = NDArray[Any]
Piece = tuple[int, Any]  # stored value; a list of polygons, or (H, W) bool

_COCO = re.compile(r"(.+?\.json)#(.+)", re.IGNORECASE | re.DOTALL)
_MIN_NUMBERS = 6  # of a polygon: three points
_DECIMALS = 3  # of a coordinate in pixels: YOLO's relative coordinates are rounded anyway
_MAX_CACHED_FILES = 8  # COCO files in memory


def is_annotation(target: str) -> bool:
    """Whether the target is an annotation to draw a mask from, rather than a mask file."""
    return target.lower().endswith(".txt") or _COCO.fullmatch(target) is not None


def annotation_file(target: str) -> str:
    """The path of the file that holds a target."""
    match = _COCO.fullmatch(target)
    return match[1] if match else target


def draw_annotation(
    root: str, target: str, label_map: LabelMap, size: tuple[int, int], limits: ImageLimits
) -> tuple[StoredMask, bytes]:
    """The stored values that an annotation describes, and the annotation's own bytes.

    Later polygons lie on top of earlier ones. A missing YOLO file is an image without objects.

    Args:
        root: folder or URI that the target is relative to.
        target: see above.
        label_map: for COCO, class indices by category name; for YOLO, 0 is background and k + 1 is class k.
        size: (height, width) of the upright image; a COCO record with a size of its own is drawn at that size.
        limits: what to refuse.

    Raises:
        ImageFault: the annotation can't be drawn.
        OSError: it can't be read.
    """
    height, width = size
    match = _COCO.fullmatch(target)
    if match is None:
        uri = files.join(root, target)
        content = files.read_bytes(uri) if files.exists(uri) else b""
        values = _paint(height, width, 0, _parse_yolo(content, height, width))
        return StoredMask(values, False, "L", "YOLO", 1), content
    file = read_coco_file(files.join(root, match[1]))
    if file is None or match[2] not in file.images:
        raise ImageFault("unreadable", say("the COCO file has no image {id}", id=match[2]))
    image, annotations = file.images[match[2]], file.annotations.get(match[2], [])
    height, width = _to_int(image.height) or height, _to_int(image.width) or width
    if (
        not all(isinstance(side, int) and side > 0 for side in (height, width))
        or height * width > limits.max_pixels
    ):
        raise ImageFault(
            "unreadable",
            say("its COCO record has the unsupported size {width} x {height}", width=width, height=height),
        )
    objects = [(annotation.category, annotation.segmentation) for annotation in annotations]
    background = next(
        (n for n, name in enumerate(label_map.names) if name.strip().lower() in BACKGROUND), IGNORE
    )
    pieces = (_parse_annotation(name, shape, label_map, (height, width)) for name, shape in objects)
    values = _paint(height, width, background, pieces)
    described = json.dumps([height, width, objects], sort_keys=True).encode()
    return StoredMask(values, False, "L", "COCO", 1), described


def read_coco_file(uri: str) -> AnnotationFile | None:
    """The COCO file with masks at the URI; None where it is something else.

    Raises:
        PupilaError: it is not JSON.
        OSError: it can't be read.
    """
    entry = files.stat_file("", uri) if files.is_remote(uri) else files.stat_file(".", uri)
    with _READING:  # threads that draw wait for the one that reads
        return _read_coco_file(uri, entry and (entry.size, entry.modified))


_READING = threading.Lock()


@lru_cache(maxsize=_MAX_CACHED_FILES)
def _read_coco_file(uri: str, version: object) -> AnnotationFile | None:
    content = files.read_json(uri)
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        return None
    images, annotations, categories = (
        [item for item in content[key] if isinstance(item, dict)] for key in keys
    )
    categories = [category for category in categories if {"id", "name"} <= category.keys()]
    used = {_id_text(annotation.get("category_id")) for annotation in annotations}
    parents = {c.get("supercategory") for c in categories if c.get("supercategory") != c["name"]}
    # Roboflow begins its list with an umbrella category, which only names the others together.
    names = {_id_text(c["id"]): str(c["name"]) for c in categories
             if _id_text(c["id"]) in used or c["name"] not in parents}  # fmt: skip
    records, first = _unite_records(images, uri)
    by_image: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        category = str(names.get(_id_text(annotation.get("category_id"))))
        record = Annotation(category, annotation.get("segmentation"), bool(annotation.get("bbox")))
        key = _id_text(annotation.get("image_id"))
        by_image[first.get(key, key)].append(record)
    return AnnotationFile(records, dict(by_image), list(names.values()))


def _unite_records(
    images: list[dict[str, Any]], uri: str
) -> tuple[dict[str, AnnotatedImage], dict[str, str]]:
    """The images by id, and id -> the first id of the same file name: all annotations of an image count.

    Raises:
        PupilaError: two images share an id.
    """
    records: dict[str, AnnotatedImage] = {}
    first: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for image in images:
        if "id" not in image:
            continue
        key, name = _id_text(image["id"]), str(image.get("file_name", ""))
        if key in first and records[first[key]].file_name != name:
            raise PupilaError(
                say("Two images share an id in {path}", path=uri),
                actual=say("id {id}: {first} and {second}", id=key, first=records[first[key]].file_name, second=name),
                expected=say("an id of its own for each image"), remedy=say("export the annotations again"),
            )  # fmt: skip
        first[key] = by_name.setdefault(name, key) if name else key
        if first[key] == key:
            records[key] = AnnotatedImage(name, image.get("height"), image.get("width"))
    return records, first


def _id_text(raw: Any) -> str:
    """An id as text, as some files have it; pandas writes integers as floats where a column has missing values."""
    return str(_to_int(raw))


def _to_int(raw: Any) -> Any:
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def _parse_annotation(name: str, segmentation: Any, label_map: LabelMap, size: tuple[int, int]) -> Piece:
    """One annotation of a COCO file."""
    if name.strip().lower() in NO_LABEL:
        value = IGNORE
    elif name in label_map.names:
        value = label_map.names.index(name)
    else:
        raise ImageFault("unreadable", say("its category {name} is not among the classes", name=name))
    try:
        if isinstance(segmentation, dict):
            if [int(side) for side in segmentation["size"]] != list(size):
                raise ValueError(say("its run lengths have another size than the image"))
            return value, regions.from_rle(segmentation)
        rings = [np.asarray(ring, dtype=np.float64) for ring in segmentation or []]
        if not rings:
            raise ValueError(say("it has a box without a polygon"))
        if any(ring.ndim != 1 or len(ring) % 2 for ring in rings):
            raise ValueError(say("it has an invalid polygon"))
        height, width = size
        if not all(_near(ring.reshape(-1, 2) / (width, height)) for ring in rings):
            raise ValueError(say("it has a polygon far outside the image"))
    except ValueError as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    except (TypeError, KeyError) as fault:
        raise ImageFault("unreadable", say("its segmentation is neither polygons nor run lengths")) from fault
    return value, [(ring.reshape(-1, 2), []) for ring in rings if len(ring) >= _MIN_NUMBERS]


def _near(points: Array) -> bool:
    """Whether relative points lie in the image or at most one image size outside.

    pycocotools crashes on far coordinates, and YOLO's relative coordinates may be pixels by mistake.
    """
    return bool(((points >= -1) & (points <= 2)).all())


def _parse_yolo(content: bytes, height: int, width: int) -> Iterable[Piece]:
    """The lines of a YOLO file: the class index, then the points of a polygon relative to width and height."""
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            class_index, *numbers = (float(word) for word in line.split())
        except ValueError as fault:
            raise ImageFault("unreadable", say("line {n} is not all numbers", n=number)) from fault
        if len(numbers) == 4:
            raise ImageFault("unreadable", say("line {n} is a box, not a polygon", n=number))
        if len(numbers) < _MIN_NUMBERS or len(numbers) % 2:
            raise ImageFault("unreadable", say("line {n} is not a polygon", n=number))
        if not _near(points := np.asarray(numbers).reshape(-1, 2)):
            raise ImageFault(
                "unreadable",
                say("line {n} has coordinates that are not relative to width and height", n=number),
            )
        if not class_index.is_integer() or not 0 <= class_index < IGNORE - 1:
            raise ImageFault("unreadable", say("line {n} has no valid class index", n=number))
        yield int(class_index) + 1, [(np.round(points * (width, height), _DECIMALS), [])]


def _paint(height: int, width: int, background: int, pieces: Iterable[Piece]) -> Array:
    """(height, width) uint8: the pieces drawn in order; consecutive polygons of one value are filled together."""
    values = np.full((height, width), background, dtype=np.uint8)
    for (value, is_polygons), run in groupby(
        pieces, key=lambda piece: (piece[0], isinstance(piece[1], list))
    ):
        if is_polygons:
            polygons = [polygon for _, shapes in run for polygon in shapes]
            values[regions.fill_polygons(polygons, height, width)] = value
        else:
            for _, covered in run:
                values[covered] = value
    return values
