"""Images annotated twice: the agreement of their two masks is about the highest score that the labels allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.duplicates.compare import are_uncropped
from pupila.imaging.duplicates.pairs import Pair
from pupila.imaging.masks.codec import SAME_SHAPE, resize_mask
from pupila.statistics.metrics.segment import confusion_counts, image_scores, iou

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class DoubleAnnotation:
    """The two masks of one image, compared pixel by pixel."""

    pair: Pair
    counts: Array  # (C, C) int64 pixels labelled in both: row the first mask's class, column the second's
    iou: float  # with two classes the foreground's, else the mean over the classes in either mask


def find_double_annotations(data: Dataset) -> list[DoubleAnnotation]:
    """Duplicate images whose masks were drawn independently, lowest agreement first.

    Masks are compared at the smaller image's size; of a mirrored pair one is flipped. Crops are left out because their
    offset is not known to the pixel. Identical masks are left out because they were copied, not drawn again; and the
    images of a sequence, because each shows another moment: their masks differ rightly.
    """
    if data.target != "mask":
        return []
    doubles = []
    for pair in _comparable_pairs(data):
        matrix = _cross_counts(data, pair)
        if matrix.any() and np.any(matrix != np.diag(np.diagonal(matrix))):
            doubles.append(DoubleAnnotation(pair, matrix, float(image_scores(matrix, iou))))
    return sorted(doubles, key=lambda double: double.iou)


def _comparable_pairs(data: Dataset) -> Sequence[Pair]:
    """Pairs of images with masks that show the same scene with the same framing."""
    targets, digests = data.images["target"], data.images["mask_sha256"]
    shapes = (data.images["width"] / data.images["height"]).to_list()
    pairs = [
        pair for pair in data.alike.copies
        if targets[pair.first] is not None and targets[pair.second] is not None
        and digests[pair.first] != digests[pair.second]
        and abs(shapes[pair.first] / shapes[pair.second] - 1) <= SAME_SHAPE
    ]  # fmt: skip
    rows = sorted({row for pair in pairs for row in (pair.first, pair.second)})
    if not rows:
        return []
    place = {row: number for number, row in enumerate(rows)}
    comparisons = [(place[pair.first], place[pair.second], pair.kind == "mirrored") for pair in pairs]
    whole = are_uncropped(data.thumbnails(rows), comparisons)
    return [pair for pair, same in zip(pairs, whole, strict=True) if same]


def _cross_counts(data: Dataset, pair: Pair) -> Array:
    """(C, C) pixels: row the first mask's class, column the second's; pixels that one leaves unlabelled don't count."""
    first, second = data.mask(pair.first), data.mask(pair.second)
    height, width = min(first.shape, second.shape, key=lambda shape: shape[0] * shape[1])
    first, second = resize_mask(first, height, width), resize_mask(second, height, width)
    if pair.kind == "mirrored":
        second = second[:, ::-1]
    first = np.where(second == IGNORE, IGNORE, first).astype(np.uint8)
    return confusion_counts(first, np.where(second == IGNORE, 0, second).astype(np.uint8), len(data.classes))
