"""Masks from annotation files: polygons and run lengths, drawn as the stored values of a mask.

A target names its annotation: `train/_annotations.coco.json#12` is image 12 of a COCO file, `labels/a.txt` a YOLO file.
"""

import contextlib
import json
import re
import reprlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.formats.tools.annotation_file import (
    TAG,
    AnnotatedImage,
    Annotation,
    AnnotationFile,
    to_int,
)
from pupila.artifacts.dataset.formats.tools.annotation_tools import read_annotation_file
from pupila.artifacts.dataset.formats.tools.outlines import PIXELS
from pupila.artifacts.dataset.formats.tools.run_length_table import RUNS, decode_runs
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging import contours, regions
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import StoredMask
from pupila.imaging.masks.label_map import BACKGROUND, LabelMap
from pupila.imaging.masks.no_label import means_no_label

Array = NDArray[Any]
Piece = tuple[int, Any]  # stored value; a list of polygons, or (H, W) bool

_SEVERAL = '["'  # begins a target of several annotations of one image, in JSON
_IN_FILE = re.compile(r"(.+?\.(?:json|xml|csv))#(.+)", re.IGNORECASE | re.DOTALL)
UNSIZED = "YOLO"  # format of a mask that is drawn at the size of the image, whatever tool wrote it
UPRIGHT = (
    "COCO upright"  # format of a mask whose file gives the size that the camera stored, but that lies upright
)
_MAX_CACHED_FILES = 8  # annotation files whose position is known
_MIN_NUMBERS = 6  # of a polygon: three points
_DECIMALS = 3  # of a coordinate in pixels: YOLO's relative coordinates are rounded anyway


def is_annotation(target: str) -> bool:
    """Whether the target is an annotation to draw a mask from, rather than a mask file."""
    return target.lower().endswith(".txt") or _IN_FILE.fullmatch(split_target(target)[0]) is not None


def unite_targets(targets: list[str]) -> str:
    """The target of an image that several files annotate, the lowest first."""
    return targets[0] if len(targets) == 1 else json.dumps(targets, ensure_ascii=False)


def split_target(target: str) -> list[str]:
    """The targets that `unite_targets` has united; any other target alone."""
    return list(map(str, json.loads(target))) if target.startswith(_SEVERAL) else [target]


def annotation_files(target: str) -> list[str]:
    """The paths of the files that hold a target."""
    return [match[1] if (match := _IN_FILE.fullmatch(each)) else each for each in split_target(target)]


def draw_annotation(
    root: str, target: str, label_map: LabelMap, size: tuple[int, int], limits: ImageLimits
) -> tuple[StoredMask, bytes]:
    """The stored values that an annotation describes, and the annotation's own bytes.

    Later polygons lie on top of earlier ones. A missing YOLO file is an image without objects.

    Args:
        root: folder or URI that the target is relative to.
        target: see above.
        label_map: class indices by category name; for YOLO, 0 is background and k + 1 is class k.
        size: (height, width) of the upright image; a record with a size of its own is drawn at that size.
        limits: what to refuse.

    Raises:
        ImageFault: the annotation can't be drawn.
        OSError: it can't be read.
    """
    height, width = size
    if target.lower().endswith(".txt"):
        uri = files.join(root, target)
        content = files.read_bytes(uri) if files.exists(uri) else b""
        values = _paint(height, width, 0, _parse_yolo(content, height, width, {*label_map.values}))
        return StoredMask(values, False, "L", UNSIZED, 1), content
    records = [_find_record(root, each) for each in split_target(target)]
    tool, image = records[0].tool, records[0].image
    stated = (to_int(image.height) or height, to_int(image.width) or width)
    uri = files.join(root, annotation_files(target)[0])
    upright = stated == (width, height) != size and _is_drawn_upright(uri, files.stat_file(".", uri))
    height, width = size if upright else stated
    if (
        not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in (height, width))
        or height * width > limits.max_pixels
    ):
        raise ImageFault(
            "unreadable",
            say("its annotations have the unsupported size {width} x {height}", width=width, height=height),
        )
    background = next(
        (n for n, name in enumerate(label_map.names) if name.strip().lower() in BACKGROUND), IGNORE
    )
    objects = _find_objects([annotation for record in records for annotation in record.annotations])
    pieces = (_parse_annotation(name, shape, label_map, (height, width)) for name, shape in objects)
    values = _paint(height, width, background, pieces)
    described = json.dumps([height, width, objects], sort_keys=True).encode()
    sized = bool(image.height and image.width)
    drawn_as = UPRIGHT if upright else tool.upper() if sized else UNSIZED
    return StoredMask(values, False, "L", drawn_as, 1), described


@lru_cache(maxsize=_MAX_CACHED_FILES)
def _is_drawn_upright(uri: str, version: object) -> bool:
    """Whether the annotations of a file lie on the upright photos, though it gives the sizes that the camera stored.

    Then some of them go beyond these sizes, but not beyond those of the turned photo.

    Args:
        uri: of the file.
        version: of its content.
    """
    read = read_annotation_file(uri)
    file = read[1] if read else AnnotationFile({}, {}, [])
    for key, image in file.images.items():
        height, width = to_int(image.height), to_int(image.width)
        if isinstance(height, int) and isinstance(width, int) and height != width:
            reaches = (_reach(annotation.segmentation) for annotation in file.annotations.get(key, []))
            if any((right > width + 1 or low > height + 1) and right <= height + 1 and low <= width + 1
                   for right, low in reaches):  # fmt: skip
                return True
    return False


def _reach(segmentation: Any) -> tuple[float, float]:
    """The largest x and y of polygons or run lengths; zeros where they can't be read, which is reported elsewhere."""
    with contextlib.suppress(TypeError, ValueError, KeyError, IndexError, OverflowError):
        if isinstance(segmentation, dict):
            return float(segmentation["size"][1]), float(segmentation["size"][0])
        rings = segmentation if isinstance(segmentation, list) else []
        return max(float(max(ring[::2])) for ring in rings), max(float(max(ring[1::2])) for ring in rings)
    return 0.0, 0.0


class _Record(NamedTuple):
    """What a file has about an image."""

    tool: str
    image: AnnotatedImage
    annotations: list[Annotation]


def _find_record(root: str, target: str) -> _Record:
    """The annotations of one target.

    Raises:
        ImageFault: the file can't be parsed, or has no such image.
    """
    match = _IN_FILE.fullmatch(target)
    path, key = (match[1], match[2]) if match else (target, "")
    try:
        read = read_annotation_file(files.join(root, path))
    except PupilaError as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    located = read[1].locate(key) if read else None
    if read is None or located is None:
        raise ImageFault("unreadable", say("the annotation file has no image {id}", id=key))
    file, inner = located
    return _Record(read[0], file.images[inner], file.annotations.get(inner, []))


def _find_objects(annotations: list[Annotation]) -> list[tuple[str, Any]]:
    """The category and segmentation of what is drawn; points, lines and tags are left out.

    Raises:
        ImageFault: there is nothing but those, an object would vanish, or a region can't be decoded.
    """
    drawn = [annotation for annotation in annotations if not annotation.has_no_area]
    placed = [annotation.shape for annotation in annotations if annotation.shape != TAG]
    if placed and not drawn:
        raise ImageFault(
            "unreadable", say("its shapes have no area: {shapes}", shapes=listing(sorted({*placed})))
        )
    short = [each for each in drawn if _is_short(each.segmentation)]
    if short and (short == drawn or any(each.boxed for each in short)):
        raise ImageFault(
            "unreadable", say("an object is an outline of fewer than three points, without an area")
        )
    try:
        return [
            (each.category, each.segmentation() if callable(each.segmentation) else each.segmentation)
            for each in drawn
        ]
    except (ValueError, TypeError, KeyError, OSError) as fault:
        raise ImageFault("unreadable", str(fault)) from fault


def _parse_annotation(name: str, segmentation: Any, label_map: LabelMap, size: tuple[int, int]) -> Piece:
    """One annotation."""
    if name in label_map.names:
        value = label_map.names.index(name)
    elif means_no_label(name):
        value = IGNORE
    else:
        raise ImageFault("unreadable", say("its category {name} is not among the classes", name=name))
    try:
        return value, _parse_shape(segmentation, size)
    except ValueError as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    except (TypeError, KeyError) as fault:
        raise ImageFault("unreadable", say("its segmentation is neither polygons nor run lengths")) from fault


def _parse_shape(segmentation: Any, size: tuple[int, int]) -> Any:
    """A list of polygons, or (H, W) bool.

    Raises:
        ValueError: it can't be drawn, with the reason.
        TypeError: it is neither polygons nor run lengths.
        KeyError: run lengths without a size or without counts.
    """
    if isinstance(segmentation, dict) and RUNS in segmentation:
        return decode_runs(segmentation[RUNS], *size)
    if isinstance(segmentation, dict) and PIXELS in segmentation:
        outer, *holes = (np.asarray(ring, np.int64) for ring in segmentation[PIXELS])
        _refuse_far([outer, *holes], size)
        return [(outer, holes)]
    if isinstance(segmentation, dict):
        stated = segmentation["size"]
        if (
            not isinstance(stated, list)
            or len(stated) != 2
            or not all(isinstance(n, int | float) for n in stated)
        ):
            raise TypeError
        counts = segmentation["counts"]
        if isinstance(counts, list) and not all(isinstance(n, int | float) for n in counts):
            raise TypeError
        if [to_int(side) for side in stated] != list(size):
            raise ValueError(say("its run lengths have another size than the image"))
        return regions.from_rle({**segmentation, "size": list(size)})
    if isinstance(segmentation, str):
        raise TypeError
    rings = [_parse_ring(ring) for ring in segmentation or []]
    if not rings:
        raise ValueError(say("it has a box without a polygon"))
    _refuse_far(rings, size)
    return [(ring, []) for ring in rings if 2 * len(ring) >= _MIN_NUMBERS]


def _refuse_far(rings: list[Array], size: tuple[int, int]) -> None:
    """Refuse outlines in pixels that lie far outside an image of (height, width).

    Raises:
        ValueError: one does.
    """
    if not all(_near(ring / size[::-1]) for ring in rings):
        raise ValueError(say("it has a polygon far outside the image"))


def draw_shape(segmentation: Any, size: tuple[int, int]) -> Array:
    """(H, W) bool: the pixels of polygons or run lengths in an image of (height, width).

    Raises:
        ValueError: they can't be drawn, with the reason.
        TypeError: they are neither.
        KeyError: run lengths without a size or without counts.
    """
    shape = _parse_shape(segmentation, size)
    return regions.fill_polygons(shape, *size) if isinstance(shape, list) else np.asarray(shape, dtype=bool)


def _parse_ring(raw: Any) -> Array:
    """(N, 2) float64: the corners of an outline.

    Raises:
        ValueError: it is no row of pairs of numbers.
    """
    try:
        ring = np.asarray(raw, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as fault:
        reason = say("it has a polygon that is not all numbers: {polygon}", polygon=reprlib.repr(raw))
        raise ValueError(reason) from fault
    if ring.ndim != 1 or len(ring) % 2:
        raise ValueError(say("it has an invalid polygon"))
    return ring.reshape(-1, 2)


def count_short_rings(segmentation: Any) -> int:
    """How many outlines of a segmentation have fewer than three points, and so no area."""
    rings = segmentation if isinstance(segmentation, list) else []
    return sum(isinstance(ring, list) and len(ring) < _MIN_NUMBERS and len(ring) % 2 == 0 for ring in rings)


def _is_short(segmentation: Any) -> bool:
    """Whether there are outlines, but none has an area."""
    return (
        bool(segmentation)
        and isinstance(segmentation, list)
        and count_short_rings(segmentation) == len(segmentation)
    )


def _near(points: Array) -> bool:
    """Whether relative points lie in the image or at most one image size outside.

    pycocotools crashes on far coordinates, and YOLO's relative coordinates may be pixels by mistake.
    """
    return bool(((points >= -1) & (points <= 2)).all())


def _parse_yolo(content: bytes, height: int, width: int, known: set[int]) -> Iterable[Piece]:
    """The lines of a YOLO file: the class index, then the points of a polygon relative to width and height.

    Args:
        content: of the file.
        height: of the image.
        width: of the image.
        known: the stored values of the classes that have a name.

    Raises:
        ImageFault: a line is no polygon of a class that has a name.
    """
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
        if int(class_index) + 1 not in known:
            raise ImageFault(
                "unreadable",
                say("line {n} has class {index}, which has no name", n=number, index=int(class_index)),
            )
        points = points * (width, height)
        pixels = contours.find_pixels(points, centres=True)
        yield int(class_index) + 1, [(np.round(points, _DECIMALS) if pixels is None else pixels, [])]


def _paint(height: int, width: int, background: int, pieces: Iterable[Piece]) -> Array:
    """(height, width) uint8: the pieces drawn in order; consecutive polygons of one value are filled together."""
    values = np.full((height, width), background, dtype=np.uint8)
    for (value, is_polygons), run in groupby(
        pieces, key=lambda piece: (piece[0], isinstance(piece[1], list))
    ):
        if is_polygons:
            polygons = [polygon for _, shapes in run for polygon in shapes]
            values[contours.fill_outlines(polygons, height, width)] = value
        else:
            for _, covered in run:
                values[covered] = value
    return values
