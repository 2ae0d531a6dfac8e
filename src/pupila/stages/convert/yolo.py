"""YOLO: a text file of outlines for each image, and `data.yaml`."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.vocabulary import IGNORE
from pupila.imaging import regions
from pupila.stages.convert.item import MaskItem, outline_classes

Array = NDArray[Any]
_DIGITS = 8  # of a coordinate: below a thousandth of a pixel in images of any size


def write(items: Iterable[MaskItem], classes: tuple[str, ...], out: str) -> None:
    """One line for each region: its class and its outline, normalized by width and height."""
    names = outline_classes(classes)
    numbers = {index: number for number, index in enumerate(names)}
    splits, used = set(), set()
    for item in items:
        height, width = item.mask.shape
        lines = []
        for index in item.class_indices(names):
            used.add(index)
            for ring in outline_rings(item.mask == index):
                values = (numbers[index], *(ring / (width, height)).ravel())
                lines.append(" ".join(f"{number:.{_DIGITS}g}" for number in values) + "\n")
        splits.add(item.split)
        files.write_bytes(files.join(out, item.path("labels", ".txt")), "".join(lines).encode())
    folders = {split or "train": f"images/{split}".rstrip("/") for split in sorted(splits)}
    class_names = [name for index, name in names.items() if index in used or index != IGNORE]
    document = {**folders, "nc": len(class_names), "names": class_names}
    text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in document.items())
    files.write_bytes(files.join(out, "data.yaml"), text.encode())


def outline_rings(binary: Array) -> list[Array]:
    """One open ring around each region of a mask.

    A hole is joined to the ring by a slit of zero width, so that filling the ring by the even-odd rule, as COCO's
    library does, gives the same mask.

    Args:
        binary: (H, W) bool.

    Returns:
        Rings (N, 2) float64 (x, y) in pixels: (0, 0) is the upper left corner of the upper left pixel.
    """
    rings_of_mask = []
    for outer, holes in regions.trace_polygons(binary):
        ring = outer[:-1]
        for hole in holes:
            nearest = ((ring - hole[0]) ** 2).sum(axis=1).argmin()
            ring = np.concatenate([ring[: nearest + 1], hole, ring[nearest:]])  # the hole is closed
        rings_of_mask.append(ring)
    return rings_of_mask
