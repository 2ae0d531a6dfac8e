"""YOLO: a text file of outlines for each image, and `data.yaml`."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.core.vocabulary import IGNORE
from pupila.imaging import regions
from pupila.stages.convert.item import Item, told_names

Array = NDArray[Any]
_DIGITS = 8  # of a share: less than a pixel's thousandth in images of any size


def write(items: Iterable[Item], classes: tuple[str, ...], out: str) -> None:
    """One line for each region: its class and its outline, in shares of width and height."""
    names = told_names(classes)
    numbers = {index: number for number, index in enumerate(names)}
    splits, seen = set(), set()
    for item in items:
        height, width = item.mask.shape
        lines = []
        for index in item.told(names):
            seen.add(index)
            for ring in rings(item.mask == index):
                told = (numbers[index], *(ring / (width, height)).ravel())
                lines.append(" ".join(f"{number:.{_DIGITS}g}" for number in told) + "\n")
        splits.add(item.split)
        files.write_bytes(files.join(out, item.path("labels", ".txt")), "".join(lines).encode())
    folders = {split or "train": f"images/{split}".rstrip("/") for split in sorted(splits)}
    kept = [name for index, name in names.items() if index in seen or index != IGNORE]
    head = {**folders, "nc": len(kept), "names": kept}
    text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in head.items())
    files.write_bytes(files.join(out, "data.yaml"), text.encode())


def rings(binary: Array) -> list[Array]:
    """One open ring around each region of a mask.

    A hole hangs on the ring by a slit of no width, walked there and back, so that filling the ring by the even-odd
    rule, as COCO's library does, gives the same mask.

    Args:
        binary: (H, W) bool.

    Returns:
        Rings (N, 2) float64 (x, y) in pixels: (0, 0) is the upper left corner of the upper left pixel.
    """
    found = []
    for outer, holes in regions.polygons(binary):
        ring = outer[:-1]
        for hole in holes:
            here = ((ring - hole[0]) ** 2).sum(axis=1).argmin()
            ring = np.concatenate([ring[: here + 1], hole, ring[here:]])  # the hole is closed
        found.append(ring)
    return found
