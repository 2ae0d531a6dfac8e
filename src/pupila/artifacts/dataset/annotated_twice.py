"""Pictures that were labelled twice: how far two masks of one picture agree, which no model can be judged beyond."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.duplicates.compare import uncropped
from pupila.imaging.duplicates.pairs import Pair
from pupila.imaging.masks.codec import SAME_SHAPE, resized
from pupila.statistics.metrics.segment import counts, image_scores, iou

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Labellings:
    """The two masks of one picture, laid on each other."""

    pair: Pair
    counts: (
        Array  # (C, C) int64 pixels that both label: row the class in the first mask, column in the second
    )
    iou: float  # of two classes the foreground's, else the mean over the classes that one of the masks has


def labelled_twice(data: Dataset) -> list[Labellings]:
    """Duplicates whose masks were drawn independently of each other, those that agree least first.

    Masks are compared at the smaller image's size, mirrored pairs with one of them flipped. Left out are crops, whose
    framing is not known to the pixel, and masks that are equal to the pixel, for these were copied and not drawn again.
    """
    if data.legend is None:
        return []
    found = []
    for pair in _comparable(data):
        matrix = _laid_on(data, pair)
        if matrix.any() and np.any(matrix != np.diag(np.diagonal(matrix))):
            found.append(Labellings(pair, matrix, float(image_scores(matrix, iou))))
    return sorted(found, key=lambda one: one.iou)


def _comparable(data: Dataset) -> Sequence[Pair]:
    """Pairs of images with masks that show the same picture from edge to edge."""
    targets, digests = data.images["target"], data.images["mask_sha256"]
    shapes = (data.images["width"] / data.images["height"]).to_list()
    pairs = [
        pair for pair in data.pairs
        if targets[pair.first] is not None and targets[pair.second] is not None
        and digests[pair.first] != digests[pair.second]
        and abs(shapes[pair.first] / shapes[pair.second] - 1) <= SAME_SHAPE
    ]  # fmt: skip
    rows = sorted({row for pair in pairs for row in (pair.first, pair.second)})
    if not rows:
        return []
    place = {row: number for number, row in enumerate(rows)}
    looks = [(place[pair.first], place[pair.second], pair.kind == "mirrored") for pair in pairs]
    whole = uncropped(data.thumbnails(rows), looks)
    return [pair for pair, same in zip(pairs, whole, strict=True) if same]


def _laid_on(data: Dataset, pair: Pair) -> Array:
    """(C, C) pixels: row the first mask's class, column the second's; pixels that one leaves unlabelled don't count."""
    first, second = data.mask(pair.first), data.mask(pair.second)
    height, width = min(first.shape, second.shape, key=lambda shape: shape[0] * shape[1])
    first, second = resized(first, height, width), resized(second, height, width)
    if pair.kind == "mirrored":
        second = second[:, ::-1]
    first = np.where(second == IGNORE, IGNORE, first).astype(np.uint8)
    return counts(first, np.where(second == IGNORE, 0, second).astype(np.uint8), len(data.classes))
