"""The ceiling of the labels: how well two labellings of one picture agree, where the data hold it twice."""

from typing import Any

import numpy as np

from pupila.dataset.manifest import Dataset
from pupila.dataset.twice import labelled_twice
from pupila.images.decode import Array
from pupila.metrics.intervals import valued
from pupila.metrics.segment import dice, image_scores
from pupila.stats import FEW_GROUPS, bootstrap_all


def ceiling(data: Dataset) -> dict[str, Any] | None:
    """Mean Dice and IoU between two labellings of one picture; None where none is labelled twice."""
    twice = labelled_twice(data)
    if not twice:
        return None
    values = np.array([(float(image_scores(one.counts, dice)), one.iou) for one in twice])
    groups = data.components()[[one.pair.first for one in twice]]
    witnesses = len(np.unique(groups))

    def means(times: Array) -> Array:
        return np.asarray(times @ values / times.sum(axis=1, keepdims=True))

    mean = values.mean(axis=0)
    ends = bootstrap_all(groups, means) if witnesses >= FEW_GROUPS else np.stack([mean, mean])
    cells = zip(("Dice", "IoU"), mean.tolist(), *ends.tolist(), strict=True)
    return {
        "pairs": len(twice), "groups": witnesses,
        **{name: valued(value, low, high, witnesses) for name, value, low, high in cells},
    }  # fmt: skip
