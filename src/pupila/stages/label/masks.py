"""Masks that a machine drew, written where the data are opened beside them."""

import json

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import Array, Legend
from pupila.stages.label.labellers.labeller import Left, Outcome, Said
from pupila.stages.label.mask_files import CLASS_FILE, around, check_for_masks, first_place, write_mask


class MaskWriter:
    """Writes the first masks of images; what lies there already stays as it is.

    Args:
        data: open.
        names: classes in the order of the masks' indices.

    Raises:
        PupilaError: the data's own masks have other classes.
    """

    def __init__(self, data: Dataset, names: list[str]) -> None:
        check_for_masks(data)
        self.data, self.names = data, names
        self._legend = data.legend or Legend.plain(names)
        missing = [name for name in names if name not in self._legend.names]
        if missing:
            raise PupilaError(
                say("The labeller's masks do not fit those of the data"), found=listing(missing),
                wanted=listing(list(self._legend.names)),
            )  # fmt: skip
        self._theirs = _theirs(self._legend, names)
        uri = files.join(data.root, CLASS_FILE)
        if data.legend is None and files.exists(uri) and files.read_json(uri) != names:
            raise PupilaError(
                say("Other classes are in {path}", path=uri), found=json.dumps(files.read_json(uri)),
                wanted=json.dumps(names), remedy=say("delete it where it is of no mask"),
            )  # fmt: skip

    def write(self, row: int, mask: Array, confidence: float | None, seconds: float | None) -> Outcome:
        """Write a mask; one that is there already is left alone.

        Args:
            row: of the image.
            mask: (H, W) uint8 class indices at the size of the upright image, or IGNORE.
            confidence: of the labeller, 0..1.
            seconds: that it took.

        Raises:
            PupilaError: the data's masks can't say of a pixel that it has no label.
        """
        image, target = self.data.images.select("image", "target").row(row)
        if target is not None or files.exists(files.join(self.data.root, first_place(self.data, image))):
            return Left("kept")
        written = write_mask(self.data, row, self._theirs[mask], self._legend)
        found = [self.names[index] for index in np.unique(mask) if index != IGNORE]
        return Said(written, tuple(found), confidence, seconds=seconds)


def _theirs(legend: Legend, names: list[str]) -> Array:
    """(256,) uint8: the class index of the data for each of the labeller; IGNORE where their masks can say it."""
    table = np.full(IGNORE + 1, IGNORE if IGNORE in legend.indices else around(legend), dtype=np.uint8)
    table[: len(names)] = [legend.names.index(name) for name in names]
    return table
