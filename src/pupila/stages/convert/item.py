"""One image and its mask or its labels, to be written in another layout."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import BACKGROUND, UNLABELLED

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Item:
    """An image that was copied to `images/`."""

    name: str  # file name without folders; its stem is unique in the data set
    split: str  # folder of the split below `images/`, or "" without splits

    def path(self, folder: str, suffix: str) -> str:
        """`folder/split/STEM.suffix`."""
        return "/".join(
            part for part in (folder, self.split, f"{PurePosixPath(self.name).stem}{suffix}") if part
        )


@dataclass(frozen=True, slots=True)
class MaskItem(Item):
    """An image and its mask."""

    mask: Array  # (H, W) uint8 class indices, upright, or IGNORE

    def class_indices(self, names: dict[int, str]) -> list[int]:
        """The class indices that occur in the mask and have a name, IGNORE included."""
        return [index for index in np.unique(self.mask).tolist() if index in names]


@dataclass(frozen=True, slots=True)
class LabelItem(Item):
    """An image and its labels."""

    labels: dict[str, bool]  # name of each known class -> whether the image shows it
    group: str | None
    size: tuple[int, int]  # (height, width), upright


def outline_classes(classes: tuple[str, ...]) -> dict[int, str]:
    """Class index to name for outline layouts: without the background, with the unlabelled pixels."""
    names = {index: name for index, name in enumerate(classes) if name.strip().lower() not in BACKGROUND}
    return {**names, IGNORE: UNLABELLED}
