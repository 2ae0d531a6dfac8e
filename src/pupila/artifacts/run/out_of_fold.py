"""A run's out-of-fold predictions, `oof.parquet`, matched to the images of a data set."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.artifacts.run.folder import Run
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import DAMAGE
from pupila.imaging.masks.codec import SAME_SHAPE, decode_png, resize_mask
from pupila.statistics.metrics.segment import confusion_counts, image_scores, iou


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for images that the predicting model was not trained on."""

    rows: list[int]  # of the data set: those with a target and a prediction
    frame: pl.DataFrame  # a row for each of them, with the columns of the file
    hash: str  # of the file


def read_out_of_fold(run: Run, data: Dataset) -> OutOfFold:
    """The run's out-of-fold predictions for images of the data set that have a target.

    Raises:
        PupilaError: the run has no predictions, has other classes, or predicted none of these images.
    """
    frame = run.out_of_fold
    classes = run.plan.classes if run.has_plan else data.classes
    if classes != data.classes:
        raise PupilaError(
            say("The run was trained on other classes"), actual=listing(classes, 8), expected=listing(data.classes, 8),
            remedy=say("retrain, or restore the class file"),
        )  # fmt: skip
    positions = {digest: number for number, digest in enumerate(frame["sha256"])}
    images = data.images.select("sha256", "target").iter_rows()
    rows = [row for row, (digest, target) in enumerate(images) if target is not None and digest in positions]
    if not rows:
        raise PupilaError(
            say("The run has no predictions for these images"),
            actual=run.folder,
            expected=say("a run on this data set"),
        )
    digests = data.images["sha256"]
    return OutOfFold(
        rows, frame[[positions[digests[row]] for row in rows]], files.sha256(run.out_of_fold_bytes)
    )


def decode_mask(content: object, data: Dataset, row: int) -> NDArray[np.uint8]:
    """(H, W) uint8 class indices of a row's image from a cell of the column `mask`, a PNG.

    Raises:
        PupilaError: no PNG, of another shape than the image, or with values that are not a class.
    """
    height, width = data.images["height"][row], data.images["width"][row]
    try:
        mask = decode_png(content) if isinstance(content, bytes) else None
    except DAMAGE:
        mask = None
    if mask is None:
        actual = say("no PNG")
    elif mask.ndim != 2 or abs(width * mask.shape[0] / (height * mask.shape[1]) - 1) > SAME_SHAPE:
        actual = " x ".join(map(str, reversed(mask.shape[:2])))
    elif mask.max() >= len(data.classes):
        actual = say("value {n}", n=int(mask.max()))
    else:
        return resize_mask(mask.astype(np.uint8), height, width)
    raise PupilaError(
        say("The run has no usable mask for {path}", path=data.images["image"][row]), actual=actual,
        expected=say("a PNG of {width} x {height} with values from 0 to {last}", width=width, height=height,
                     last=len(data.classes) - 1),
        remedy="pupila train DATA --out FOLDER",
    )  # fmt: skip


def compute_mask_ious(data: Dataset, out_of_fold: OutOfFold) -> NDArray[np.float64]:
    """(N,) IoU of each mask with its out-of-fold prediction (a column `mask` of PNGs)."""
    classes = len(data.classes)

    def compute_iou(number: int) -> float:
        target = data.mask(out_of_fold.rows[number])
        stored = decode_mask(out_of_fold.frame[MASK][number], data, out_of_fold.rows[number])
        prediction = resize_mask(stored, *target.shape)
        return float(image_scores(confusion_counts(target, prediction, classes), iou))

    return np.array(list(prefetch(range(len(out_of_fold.rows)), compute_iou)))
