"""Masks as labels: written where `pupila.open` finds them, once for each image."""

import json

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.masks.label_map import Array, LabelMap
from pupila.stages.label.labellers.labeller import NoLabel, Outcome, ProposedLabel, is_uncertain
from pupila.stages.label.mask_files import (
    CLASS_FILE,
    fill_index,
    first_mask_path,
    label_map_in_force,
    write_mask,
)
from pupila.stages.label.targets import check_target
from pupila.tasks.segment import SEGMENT, MaskPrediction


class MaskWriter:
    """Writes the first masks of images; existing masks stay unchanged.

    Args:
        data: the data set.
        names: classes in the order of the masks' indices.

    Raises:
        PupilaError: the masks of the data have other classes, or can't be written.
    """

    partial = False

    def __init__(self, data: Dataset, names: list[str]) -> None:
        check_target(data, SEGMENT.target)
        if not files.is_writable(data.root):  # before a prediction is paid for
            raise PupilaError(
                say("The masks of read-only data can't be written"), actual=data.root,
                expected=say("a folder that can be written to: masks lie beside the images"),
                remedy=say("label a copy of the folder"),
            )  # fmt: skip
        self.data, self.names = data, names
        in_force = label_map_in_force(data)
        self._label_map = in_force or LabelMap.plain(names)
        missing = [name for name in names if name not in self._label_map.names]
        if missing:
            raise PupilaError(
                say("The labeller predicts classes that the masks of the data do not have"), actual=listing(missing),
                expected=listing(list(self._label_map.names)),
            )  # fmt: skip
        self._indices = _index_table(self._label_map, names)
        uri = files.join(data.root, CLASS_FILE)
        if in_force is None and files.exists(uri) and files.read_json(uri) != names:
            raise PupilaError(
                say("{path} lists other classes", path=uri), actual=json.dumps(files.read_json(uri)),
                expected=json.dumps(names), remedy=say("delete the file if no mask uses it"),
            )  # fmt: skip

    def write(self, row: int, mask: Array, confidence: float | None, seconds: float | None) -> Outcome:
        """Write a mask unless the image has one already.

        Args:
            row: of the image.
            mask: (H, W) uint8 class indices at the size of the upright image, or IGNORE.
            confidence: of the prediction, 0..1.
            seconds: that the prediction took.

        Raises:
            PupilaError: the masks of the data can't store unlabelled pixels.
        """
        image, target = self.data.images.select("image", "target").row(row)
        if target is not None or files.exists(files.join(self.data.root, first_mask_path(self.data, image))):
            return NoLabel("has_mask")
        written = write_mask(self.data, row, self._indices[mask], self._label_map)
        present = [self.names[index] for index in np.unique(mask) if index != IGNORE]
        return ProposedLabel(written, tuple(present), confidence, seconds=seconds)

    def write_prediction(self, row: int, prediction: MaskPrediction, min_confidence: float) -> Outcome:
        """Write the mask that a bundle predicts; see `write`."""
        if is_uncertain(prediction, min_confidence):
            return NoLabel("abstained")
        return self.write(row, prediction.mask, prediction.confidence, None)


def _index_table(label_map: LabelMap, names: list[str]) -> Array:
    """(256,) uint8: the class index in the data for each index of the labeller; IGNORE where the masks can store it."""
    table = np.full(
        IGNORE + 1, IGNORE if IGNORE in label_map.indices else fill_index(label_map), dtype=np.uint8
    )
    table[: len(names)] = [label_map.names.index(name) for name in names]
    return table
