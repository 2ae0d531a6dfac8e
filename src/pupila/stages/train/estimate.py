"""About how long the cells of a sweep take on this machine, from the times of one image that plans have measured."""

from collections.abc import Sequence

from pupila.artifacts.dataset.manifest import Dataset
from pupila.learning.loop import PRECISIONS
from pupila.stages.train.cell import PlannedCell
from pupila.stages.train.measure import time_step
from pupila.stages.train.preparation import build_network, find_training

_HEAD_EPOCH = 0.05  # seconds of an epoch of a head on cached features
_BESIDE = 1.0  # seconds of a cell beside its epochs
_VALIDATION = 1.2  # an epoch with its validation, in passes over the training images


def estimate_seconds(cells: Sequence[PlannedCell], data: Dataset) -> float:
    """Seconds of all cells in one process; features are computed once for all heads that share them.

    Args:
        cells: planned; the time of a training step is measured for each encoder, and cached.
        data: the data set, all of whose labelled images count.
    """
    images = data.images["target"].len() - data.images["target"].null_count()
    total, encoded = 0.0, set()
    for cell in cells:
        plan = cell.plan
        epochs = dict(cell.phases)
        total += _BESIDE
        if cell.choice.milliseconds is not None:  # the first phase trains on cached features
            total += _HEAD_EPOCH * epochs.pop("epochs", 0) * max(1, plan.folds + (not plan.ensemble))
            views = getattr(plan, "augmented_views", 1)
            key = (cell.choice.encoder, plan.image_size, plan.augment, views)
            total += 0 if key in encoded else cell.choice.milliseconds / 1000 * images * views
            encoded.add(key)
        if rest := sum(epochs.values()):
            network = build_network(plan, data, find_training(data, plan.model))
            step = time_step(network, plan.device, PRECISIONS[plan.precision])
            total += step * images * rest * _VALIDATION * max(1, plan.folds)
    return total
