"""One image on its way into another layout."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import BACKGROUND

Array = NDArray[Any]
UNLABELLED = "unlabeled"  # what layouts of outlines call pixels without a label; the readers know the name


@dataclass(frozen=True, slots=True)
class Item:
    """An image that was copied to `images/`, and its mask."""

    name: str  # of the file, without folders, unique in the data set but for its ending
    split: str  # folder of the split below `images/`, or "" where there are none
    mask: Array  # (H, W) uint8 class indices, upright, or IGNORE

    def path(self, folder: str, suffix: str) -> str:
        """`folder/split/STEM.suffix`."""
        return "/".join(
            part for part in (folder, self.split, f"{PurePosixPath(self.name).stem}{suffix}") if part
        )

    def told(self, names: dict[int, str]) -> list[int]:
        """The class indices with a name, and IGNORE, that occur."""
        return [index for index in np.unique(self.mask).tolist() if index in names]


def told_names(classes: tuple[str, ...]) -> dict[int, str]:
    """Class index to name, of all that layouts of outlines tell: not the background, but what has no label."""
    told = {index: name for index, name in enumerate(classes) if name.strip().lower() not in BACKGROUND}
    return {**told, IGNORE: UNLABELLED}
