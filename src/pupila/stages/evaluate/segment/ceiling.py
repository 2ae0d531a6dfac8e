"""The ceiling of the labels: how well two labellings of one picture agree, where the data hold it twice."""

from typing import Any

import numpy as np

from pupila.artifacts.dataset.annotated_twice import labelled_twice
from pupila.artifacts.dataset.manifest import Dataset
from pupila.statistics.metrics.estimates import means
from pupila.statistics.metrics.segment import dice, image_scores


def ceiling(data: Dataset) -> dict[str, Any] | None:
    """Mean Dice and IoU between two labellings of one picture; None where none is labelled twice."""
    twice = labelled_twice(data)
    if not twice:
        return None
    values = np.array([(float(image_scores(one.counts, dice)), one.iou) for one in twice])
    groups = data.components()[[one.pair.first for one in twice]]
    return {
        "pairs": len(twice), "groups": len(np.unique(groups)),
        **dict(zip(("Dice", "IoU"), means(values, groups), strict=True)),
    }  # fmt: skip
