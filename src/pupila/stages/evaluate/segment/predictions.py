"""Predicted masks: compared with the ground truth image by image, never all in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.columns import PredictionColumns
from pupila.artifacts.predictions.segment import MASK, SEGMENT
from pupila.artifacts.run.out_of_fold import decode_mask
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.threads import prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import SAME_SHAPE, read_stored_mask, resize_mask
from pupila.imaging.masks.label_map import NO_DATA
from pupila.stages.evaluate.predictions import Predictions, predict_rows
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import OverlapCounts
from pupila.statistics.metrics.segment import confusion_counts

_HALF = 128  # of 0..255, from which a mask of two classes is foreground

Masks = Callable[[list[int]], Iterator[Array]]


@dataclass(frozen=True)
class MaskPredictions(Predictions):
    """The pixel counts of the masks of N images."""

    regions: Array  # (N, C, C), see `metrics.segment.confusion_counts`
    boundaries: Array  # (N, C, 3), see `metrics.boundary.boundary_counts`
    masks: Masks  # (H, W) uint8 masks of rows, predicted again for the few that are shown

    @property
    def overlaps(self) -> OverlapCounts:
        """The counts."""
        return OverlapCounts(self.regions, self.boundaries)


@dataclass(frozen=True, slots=True)
class MaskReader:
    """See `PredictionReader`."""

    count: Callable[[Predictions, Masks, Dataset], Predictions]  # scores the masks
    columns: PredictionColumns = SEGMENT

    def from_bundle(self, header: Predictions, bundle: Bundle, data: Dataset) -> Predictions:
        """Predict the rows with a bundle."""
        predict = predict_rows(bundle, data)
        return self.count(header, lambda rows: (prediction.mask for prediction in predict(rows)), data)

    def from_out_of_fold(
        self, header: Predictions, table: pl.DataFrame, bundle: Bundle, data: Dataset
    ) -> Predictions:
        """Read a run's column `mask`: a PNG of class indices at the size of the upright image."""
        known = dict(zip(header.rows, table[MASK], strict=True))
        return self.count(header, lambda rows: (decode_mask(known[row], data, row) for row in rows), data)

    def from_table(self, header: Predictions, table: pl.DataFrame, path: str, data: Dataset) -> Predictions:
        """Read a table's column `mask`: a file beside the table."""
        known, folder = dict(zip(header.rows, table[MASK], strict=True)), files.parent(path)
        return self.count(
            header,
            lambda rows: (_read_mask(files.join(folder, known[row] or ""), data, row) for row in rows),
            data,
        )


def count_pixels(header: Predictions, masks: Masks, data: Dataset) -> MaskPredictions:
    """The pixels of the masks, class by class."""
    classes = len(data.classes)

    def count_row(item: tuple[int, Array]) -> tuple[Array, Array]:
        row, prediction = item
        target, prediction = ignore_no_data(data.mask(row), prediction)
        return confusion_counts(target, prediction, classes), boundary_counts(target, prediction, classes)

    pairs = list(prefetch(zip(header.rows, masks(header.rows), strict=True), count_row))
    regions, boundaries = (np.stack(part) for part in zip(*pairs, strict=True))
    if not regions.any():
        raise PupilaError(
            say("The masks have no labelled pixel"), actual=say_count("{n} mask", "{n} masks", len(pairs)),
            expected=say("masks with at least one class"),
        )  # fmt: skip
    return MaskPredictions(**vars(header), regions=regions, boundaries=boundaries, masks=masks)


def ignore_no_data(target: Array, prediction: Array) -> tuple[Array, Array]:
    """The (H, W) target and prediction, the target without the pixels where the prediction is IGNORE: no data."""
    no_data = prediction == IGNORE
    if not no_data.any():
        return target, prediction
    return np.where(no_data, np.uint8(IGNORE), target), np.where(no_data, np.uint8(0), prediction)


def _read_mask(uri: str, data: Dataset, row: int) -> Array:
    """(H, W) uint8 class indices from a file of indices, of the colours of the data's own masks, or of 0..255.

    Raises:
        PupilaError: no such file, of another shape than the image, or values that are not a class.
    """
    try:
        stored = read_stored_mask(files.read_bytes(uri))
    except (ImageFault, OSError) as fault:
        raise PupilaError(
            say("Can't read the mask {path}", path=uri), actual=str(fault), expected=say("a mask file beside the table")
        ) from fault  # fmt: skip
    height, width = data.images["height"][row], data.images["width"][row]
    its_height, its_width = stored.values.shape
    if abs(width * its_height / (height * its_width) - 1) > SAME_SHAPE:
        raise PupilaError(
            say("The mask {path} has a different aspect ratio from its image", path=uri),
            actual=f"{its_width} x {its_height}", expected=f"{width} x {height}",
        )  # fmt: skip
    values, classes, unknown = stored.values, len(data.classes), 0
    label_map = data.require_label_map()
    if stored.coloured and label_map.colour:
        values, unknown = label_map.read(values)
    elif not stored.coloured and classes == 2 and 1 < values.max() < NO_DATA and not (values == 1).any():
        values = (values >= _HALF).astype(np.uint8)
    if unknown or values.max() >= classes:
        raise PupilaError(
            say("The mask {path} has values that are not a class", path=uri),
            actual=listing([str(value) for value in np.unique(stored.values)], 8),
            expected=say("0 to {last}", last=classes - 1),
        )  # fmt: skip
    return resize_mask(values.astype(np.uint8), height, width)
