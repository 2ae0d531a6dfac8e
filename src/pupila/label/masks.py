"""Masks that a machine drew, written where the layout of images beside masks finds them."""

import json
from pathlib import PurePosixPath

import numpy as np

from pupila import files
from pupila.dataset.formats.finding import kind
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.label.labeller import Left, Outcome, Said
from pupila.masks import Array, Legend, as_png
from pupila.messages import listing, say
from pupila.vocabulary import IGNORE

FOLDER, CLASS_FILE = "masks", "masks/classes.json"


def check_for_masks(data: Dataset) -> None:
    """Refuse data whose images have one class each.

    Raises:
        PupilaError: they have.
    """
    if data.task is not None and data.legend is None:
        raise PupilaError(
            say("These data have classes, and the labeller draws masks"), found=listing(data.classes),
            wanted=say("images without labels, or beside masks"),
        )  # fmt: skip


class MaskWriter:
    """Writes masks below `masks/` of the data's root; what lies there already stays as it is.

    Args:
        data: open.
        names: classes in the order of the masks' indices.

    Raises:
        PupilaError: the data's own masks have other classes, or none that an index mask can join.
    """

    def __init__(self, data: Dataset, names: list[str]) -> None:
        check_for_masks(data)
        self.data, self.names = data, names
        uri = files.join(data.root, CLASS_FILE)
        if data.legend is not None:
            self._stored = _stored(data.legend, names)
            return
        self._stored = np.arange(256, dtype=np.uint8)
        if files.exists(uri) and files.read_json(uri) != names:
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
        """
        target = mask_path(self.data.images["image"][row])
        uri = files.join(self.data.root, target)
        if self.data.images["target"][row] is not None or files.exists(uri):
            return Left("kept")
        if self.data.legend is None and not files.exists(files.join(self.data.root, CLASS_FILE)):
            files.write_json(files.join(self.data.root, CLASS_FILE), self.names)
        files.write_bytes(uri, as_png(self._stored[mask], 1 + int(self._stored[: len(self.names)].max())))
        found = [self.names[index] for index in np.unique(mask) if index != IGNORE]
        return Said(target, tuple(found), confidence, seconds=seconds)


def mask_path(image: str) -> str:
    """Where the mask of an image lies, below the data's root."""
    path = PurePosixPath(image)
    above = [part for part in path.parts[:-1] if not kind(part)]
    return "/".join([FOLDER, *above, f"{path.stem}.png"])


def _stored(legend: Legend, names: list[str]) -> Array:
    """(256,) uint8: what the data's own masks hold for each class index."""
    missing = [name for name in names if name not in legend.names]
    if missing or legend.colour:
        raise PupilaError(
            say("The labeller's masks do not fit those of the data"),
            found=listing(missing) if missing else say("masks of colours"),
            wanted=listing(list(legend.names)) if missing else say("masks of class indices"),
            remedy="" if missing else "pupila convert DATA --to masks",
        )  # fmt: skip
    value_of = dict(reversed(list(zip(legend.indices, legend.values, strict=True))))
    table = np.full(256, value_of.get(IGNORE, value_of[legend.names.index(names[0])]), dtype=np.uint8)
    table[: len(names)] = [value_of[legend.names.index(name)] for name in names]
    return table
