"""Masks that are told in text, COCO's annotations and YOLO's outlines: drawn as stored values of a mask.

A target names the text: `train/_annotations.coco.json#12` is image 12 of a COCO file, `labels/a.txt` a YOLO file.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging import regions
from pupila.imaging.images.decode import ImageFault, ImageLimits
from pupila.imaging.masks.codec import Stored
from pupila.imaging.masks.label_map import BACKGROUND, NO_LABEL, Legend

Array = NDArray[Any]
Piece = tuple[int, Any]  # stored value; a list of polygons, or (H, W) bool

_COCO = re.compile(r"(.+?\.json)#(.+)", re.IGNORECASE | re.DOTALL)
_LEAST = 6  # numbers of an outline: three points
_EXACT = 3  # digits after the point of a coordinate in pixels that are kept: YOLO's shares round them
_FILES_KEPT = 8  # COCO files in memory


@dataclass(frozen=True, slots=True)
class CocoFile:
    """A COCO file, looked up by image."""

    images: dict[str, dict[str, Any]]  # id to record
    annotations: dict[str, list[dict[str, Any]]]  # image id to its annotations, in the order of the file
    names: dict[Any, str]  # category id to name, in the order of the file; without categories that are none


def is_annotation(target: str) -> bool:
    """Whether the target is text to draw a mask from, and no mask file."""
    return target.lower().endswith(".txt") or _COCO.fullmatch(target) is not None


def file_of(target: str) -> str:
    """The path of the file that a target lies in."""
    found = _COCO.fullmatch(target)
    return found[1] if found else target


def drawn(
    root: str, target: str, legend: Legend, size: tuple[int, int], limits: ImageLimits
) -> tuple[Stored, bytes]:
    """The stored values that a text describes, and what it says of this image.

    What is told later lies on top. A YOLO file that is not there is an image without any object.

    Args:
        root: folder or URI that the target is relative to.
        target: see above.
        legend: of COCO, class indices by category name; of YOLO, 0 is around everything and k + 1 is class k.
        size: (height, width) of the upright image; a COCO record that tells its own size is drawn at that.
        limits: what to refuse.

    Raises:
        ImageFault: the text can't be drawn.
        OSError: it can't be read.
    """
    height, width = size
    found = _COCO.fullmatch(target)
    if found is None:
        uri = files.join(root, target)
        said = files.read_bytes(uri) if files.exists(uri) else b""
        values = _painted(height, width, 0, _outlines(said, height, width))
        return Stored(values, False, "L", "YOLO", 1), said
    file = coco_file(files.join(root, found[1]))
    if file is None or found[2] not in file.images:
        raise ImageFault("unreadable", say("the file has no image {id}", id=found[2]))
    record, annotations = file.images[found[2]], file.annotations.get(found[2], [])
    height, width = _whole(record.get("height")) or height, _whole(record.get("width")) or width
    if (
        not all(isinstance(side, int) and side > 0 for side in (height, width))
        or height * width > limits.max_pixels
    ):
        raise ImageFault(
            "unreadable", say("its record has the size {width} x {height}", width=width, height=height)
        )
    pieces = [(str(file.names.get(a.get("category_id"))), a.get("segmentation")) for a in annotations]
    around = next((n for n, name in enumerate(legend.names) if name.strip().lower() in BACKGROUND), IGNORE)
    values = _painted(
        height, width, around, (_piece(name, told, legend, (height, width)) for name, told in pieces)
    )
    return Stored(values, False, "L", "COCO", 1), json.dumps([height, width, pieces], sort_keys=True).encode()


def coco_file(uri: str) -> CocoFile | None:
    """The COCO file with masks at the address; None where it is something else.

    Raises:
        PupilaError: it is no JSON.
        OSError: it can't be read.
    """
    entry = files.entry("", uri) if files.is_remote(uri) else files.entry(".", uri)
    with _READING:  # threads that draw wait for the one that reads
        return _coco_file(uri, entry and (entry.size, entry.modified))


_READING = threading.Lock()


@lru_cache(maxsize=_FILES_KEPT)
def _coco_file(uri: str, version: object) -> CocoFile | None:
    told = files.read_json(uri)
    keys = ("images", "annotations", "categories")
    if not isinstance(told, dict) or not all(isinstance(told.get(key), list) for key in keys):
        return None
    images, annotations, categories = ([one for one in told[key] if isinstance(one, dict)] for key in keys)
    categories = [one for one in categories if {"id", "name"} <= one.keys()]
    if annotations and not any("segmentation" in one for one in annotations):
        return None
    by_image: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in annotations:
        by_image[_id(one.get("image_id"))].append(one)
    used = {one.get("category_id") for one in annotations}
    above = {one.get("supercategory") for one in categories if one.get("supercategory") != one["name"]}
    names = {
        one["id"]: str(one["name"]) for one in categories if one["id"] in used or one["name"] not in above
    }  # Roboflow heads its list with a category that is only the name of the others together
    return CocoFile({_id(one["id"]): one for one in images if "id" in one}, dict(by_image), names)


def _id(told: Any) -> str:
    """An image's id as text; pandas writes whole numbers with a point where a column has a gap."""
    return str(_whole(told))


def _whole(told: Any) -> Any:
    return int(told) if isinstance(told, float) and told.is_integer() else told


def _piece(name: str, told: Any, legend: Legend, size: tuple[int, int]) -> Piece:
    """One annotation of a COCO file."""
    if name.strip().lower() in NO_LABEL:
        value = IGNORE
    elif name in legend.names:
        value = legend.names.index(name)
    else:
        raise ImageFault("unreadable", say("its category {name} is none of the classes", name=name))
    try:
        if isinstance(told, dict):
            if [int(side) for side in told["size"]] != list(size):
                raise ValueError(say("run lengths of another size"))
            return value, regions.from_rle(told)
        rings = [np.asarray(ring, dtype=np.float64) for ring in told or []]
        if not rings:
            raise ValueError(say("a box without an outline"))
        if any(ring.ndim != 1 or len(ring) % 2 for ring in rings):
            raise ValueError(say("an outline that is none"))
        height, width = size
        if not all(_near(ring.reshape(-1, 2) / (width, height)) for ring in rings):
            raise ValueError(say("an outline far outside of the image"))
    except ValueError as fault:
        raise ImageFault("unreadable", str(fault)) from fault
    except (TypeError, KeyError) as fault:
        raise ImageFault("unreadable", say("neither an outline nor run lengths")) from fault
    return value, [(ring.reshape(-1, 2), []) for ring in rings if len(ring) >= _LEAST]


def _near(shares: Array) -> bool:
    """Whether points, in shares of width and height, lie in the image or one image beside it.

    COCO's library dies of coordinates that are far away, and YOLO's shares may be pixels by mistake.
    """
    return bool(((shares >= -1) & (shares <= 2)).all())


def _outlines(said: bytes, height: int, width: int) -> Iterable[Piece]:
    """The lines of a YOLO file: class, then the points of an outline as shares of width and height."""
    for number, line in enumerate(said.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            kind, *numbers = (float(word) for word in line.split())
        except ValueError as fault:
            raise ImageFault("unreadable", say("line {n} holds no numbers", n=number)) from fault
        if len(numbers) == 4:
            raise ImageFault("unreadable", say("line {n} is a box without an outline", n=number))
        if len(numbers) < _LEAST or len(numbers) % 2:
            raise ImageFault("unreadable", say("line {n} is no outline", n=number))
        if not _near(shares := np.asarray(numbers).reshape(-1, 2)):
            raise ImageFault(
                "unreadable", say("line {n} is no outline in shares of width and height", n=number)
            )
        if not kind.is_integer() or not 0 <= kind < IGNORE - 1:
            raise ImageFault("unreadable", say("line {n} names no class", n=number))
        yield int(kind) + 1, [(np.round(shares * (width, height), _EXACT), [])]


def _painted(height: int, width: int, around: int, pieces: Iterable[Piece]) -> Array:
    """(height, width) uint8: the pieces one over the other; neighbours of one value are filled in one go."""
    values = np.full((height, width), around, dtype=np.uint8)
    for (value, outlined), some in groupby(pieces, key=lambda piece: (piece[0], isinstance(piece[1], list))):
        if outlined:
            shapes = [one for _, told in some for one in told]
            values[regions.fill_polygons(shapes, height, width)] = value
        else:
            for _, covered in some:
                values[covered] = value
    return values
