"""COCO: a JSON file for each split, with run lengths (exact) or with polygons (one for each region)."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila import files, regions
from pupila.convert.item import Item, told_names
from pupila.convert.outlines import area, rings
from pupila.vocabulary import IGNORE

Array = NDArray[Any]
Told = tuple[
    Any, float, Sequence[float]
]  # segmentation; area in pixels; left, top, width and height in pixels


def write_rle(items: Iterable[Item], classes: tuple[str, ...], out: str) -> None:
    """One annotation for each class of an image, as run lengths."""
    _write(items, classes, out, _run_lengths)


def write_polygons(items: Iterable[Item], classes: tuple[str, ...], out: str) -> None:
    """One annotation for each region, as a polygon."""
    _write(items, classes, out, _polygons)


def _write(
    items: Iterable[Item], classes: tuple[str, ...], out: str, tell: Callable[[Array], list[Told]]
) -> None:
    names = told_names(classes)
    numbers = {index: number for number, index in enumerate(names, start=1)}
    seen = set()
    by_split: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for image_id, item in enumerate(items, start=1):
        images, annotations = by_split.setdefault(item.split, ([], []))
        height, width = item.mask.shape
        images.append({"id": image_id, "file_name": item.name, "width": width, "height": height})
        for index in item.classes():
            if index not in numbers:
                continue
            seen.add(index)
            for segmentation, pixels, box in tell(item.mask == index):
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[index], "iscrowd": 0,
                     "segmentation": segmentation, "area": pixels, "bbox": box}
                )  # fmt: skip
    categories = [{"id": numbers[index], "name": name, "supercategory": ""} for index, name in names.items()
                  if index in seen or index != IGNORE]  # fmt: skip
    for split, (images, annotations) in by_split.items():
        told = {"images": images, "annotations": annotations, "categories": categories}
        place = files.join(out, f"annotations/instances_{split or 'all'}.json")
        files.write_bytes(place, json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())


def _run_lengths(binary: Array) -> list[Told]:
    rows, columns = (np.flatnonzero(binary.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    box = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
    return [(regions.to_rle(binary), int(binary.sum()), box)]


def _polygons(binary: Array) -> list[Told]:
    told: list[Told] = []
    for ring in rings(binary):
        left, top = ring.min(axis=0).tolist()
        right, bottom = ring.max(axis=0).tolist()
        told.append(([ring.ravel().tolist()], area(ring), [left, top, right - left, bottom - top]))
    return told
