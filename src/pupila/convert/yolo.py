"""YOLO: a text file of outlines for each image, and `data.yaml`."""

import json
from collections.abc import Iterable

import numpy as np

from pupila import files
from pupila.convert.item import Item, told_names
from pupila.convert.outlines import rings
from pupila.vocabulary import IGNORE

_DIGITS = 8  # of a share: less than a pixel's thousandth in images of any size


def write(items: Iterable[Item], classes: tuple[str, ...], out: str) -> None:
    """One line for each region: its class and its outline, in shares of width and height."""
    names = told_names(classes)
    numbers = {index: number for number, index in enumerate(names)}
    splits, seen = set(), set()
    for item in items:
        height, width = item.mask.shape
        lines = []
        for index in item.classes():
            if index in numbers:
                seen.add(index)
                shares = [ring / (width, height) for ring in rings(np.asarray(item.mask == index))]
                lines += [
                    " ".join(f"{n:.{_DIGITS}g}" for n in (numbers[index], *one.ravel())) + "\n"
                    for one in shares
                ]
        splits.add(item.split)
        files.write_bytes(files.join(out, item.path("labels", ".txt")), "".join(lines).encode())
    told = {split or "train": f"images/{split}".rstrip("/") for split in sorted(splits)}
    kept = [name for index, name in names.items() if index in seen or index != IGNORE]
    told_yaml = {**told, "nc": len(kept), "names": kept}
    text = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in told_yaml.items())
    files.write_bytes(files.join(out, "data.yaml"), text.encode())
