"""The ceiling of the labels: how well two labellings of one picture agree, where the data hold it twice."""

from typing import Any

import numpy as np

from pupila.dataset.manifest import Dataset
from pupila.duplicates.pairs import Pair
from pupila.images.decode import Array
from pupila.masks import resized
from pupila.metrics.intervals import valued
from pupila.metrics.segment import counts, dice, image_scores, iou
from pupila.stats import FEW_GROUPS, bootstrap_all
from pupila.threads import ahead
from pupila.vocabulary import IGNORE

_SAME_SHAPE = 0.02  # of the aspect ratio, within which pictures show the same frame


def ceiling(data: Dataset) -> dict[str, Any] | None:
    """Mean Dice and IoU between the two labellings of near-duplicates; None where none is labelled twice.

    Copies whose labels are alike to the pixel (the label was copied, too) are counted as `alike` and tell nothing. A
    mirrored picture's mask is mirrored back, and the larger mask is compared at the size of the smaller one.
    """
    pairs = [pair for pair in data.pairs if _labelled_twice(data, pair)]
    found = ahead(pairs, lambda pair: _agreement(data, pair))
    told = [(scores, pair) for scores, pair in zip(found, pairs, strict=True) if scores]
    if not told:
        return None
    values = np.array([scores for scores, _ in told])
    groups = data.components()[[pair.first for _, pair in told]]
    witnesses = len(np.unique(groups))

    def means(times: Array) -> Array:
        return np.asarray(times @ values / times.sum(axis=1, keepdims=True))

    mean = values.mean(axis=0)
    ends = bootstrap_all(groups, means) if witnesses >= FEW_GROUPS else np.stack([mean, mean])
    cells = zip(("Dice", "IoU"), mean.tolist(), *ends.tolist(), strict=True)
    return {
        "pairs": len(told), "groups": witnesses, "alike": len(pairs) - len(told),
        **{name: valued(value, low, high, witnesses) for name, value, low, high in cells},
    }  # fmt: skip


def _labelled_twice(data: Dataset, pair: Pair) -> bool:
    one, other = (data.images.row(row, named=True) for row in (pair.first, pair.second))
    shapes = one["width"] * other["height"] / (one["height"] * other["width"])
    return one["target"] is not None and other["target"] is not None and abs(shapes - 1) <= _SAME_SHAPE


def _agreement(data: Dataset, pair: Pair) -> tuple[float, float] | tuple[()]:
    """(Dice, IoU) of the two masks; nothing where they are alike to the pixel, or have no common labelled pixel."""
    one, other = data.mask(pair.first), data.mask(pair.second)
    if pair.kind == "mirrored":
        other = other[:, ::-1]
    height, width = min(one.shape, other.shape, key=lambda shape: shape[0] * shape[1])
    one, other = (resized(np.ascontiguousarray(mask), height, width) for mask in (one, other))
    one = np.where(other == IGNORE, IGNORE, one)
    matrix = counts(one, np.where(other == IGNORE, 0, other), len(data.classes))
    if not matrix.any() or np.trace(matrix) == matrix.sum():
        return ()
    return float(image_scores(matrix, dice)), float(image_scores(matrix, iou))
