"""A task in its folder, as every method reads it; light to import, as a method's CPU time counts from its start."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

CLASSIFY: Final = "classify"
SEGMENT: Final = "segment"
BACKGROUND, UNLABELED = "background", "unlabeled"
TABLE_FILE, CLASSES_FILE = "table.csv", "classes.json"
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class TaskImage:
    """An image of a written task."""

    image: Path
    label: int  # class index; 0 in mask tasks
    mask: Path | None
    group: str
    split: str


@dataclass(frozen=True, slots=True)
class WrittenTask:
    """A task in its folder, as every method reads it."""

    folder: Path
    target: str
    classes: list[str]  # in the order of their indices
    values: list[int]  # grey value of each class in the masks
    images: list[TaskImage]
    hash: str  # of images, labels, groups and split

    def in_split(self, split: str) -> list[TaskImage]:
        return [image for image in self.images if image.split == split]

    @property
    def foreground(self) -> list[int]:
        """Indices of the classes whose Dice counts: all but background."""
        return [i for i, name in enumerate(self.classes) if name not in {BACKGROUND, UNLABELED}]

    def read_mask(self, path: Path) -> Array:
        """(H, W) int64 class indices; -1 where a pixel has no label.

        Raises:
            ValueError: a value that is no class.
        """
        grey = np.asarray(Image.open(path))
        index = np.full(256, -2)
        index[self.values] = np.arange(len(self.values))
        if UNLABELED in self.classes:
            index[self.values[self.classes.index(UNLABELED)]] = -1
        mask: Array = index[grey]
        if (mask == -2).any():
            raise ValueError(f"{path}: a grey value that is no class")
        return mask


def read_task(folder: Path) -> WrittenTask:
    """A task that was written."""
    text = (folder / TABLE_FILE).read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    masks = folder / CLASSES_FILE
    if masks.exists():
        by_value = {int(value): name for value, name in json.loads(masks.read_text()).items()}
        values, classes = sorted(by_value), [by_value[value] for value in sorted(by_value)]
    else:
        values, classes = [], sorted({row["label"] for row in rows})
    images = [
        TaskImage(
            folder / row["image"],
            classes.index(row["label"]) if row.get("label") else 0,
            folder / row["mask"] if row.get("mask") else None,
            row["group"],
            row["split"],
        )
        for row in rows
    ]
    target = SEGMENT if masks.exists() else CLASSIFY
    return WrittenTask(
        folder, target, classes, values, images, hashlib.sha256(text.encode()).hexdigest()[:12]
    )


def resize_mask(mask: Array, side: int) -> Array:
    """(side, side) int64 class indices, by the nearest pixel; -1 stays -1."""
    resized = Image.fromarray(mask.astype(np.int32)).resize((side, side), Image.Resampling.NEAREST)
    return np.asarray(resized).astype(np.int64)
