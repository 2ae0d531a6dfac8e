"""How well a trained candidate does on each validation image, from the outcomes of its last epoch."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.run.outcomes import Array, Outcomes
from pupila.tasks.label_text import PRESENT, UNKNOWN

_LEAST = 1e-9


def _score_classes(targets: Array, values: Array) -> Array:
    """1 where the predicted class is right, else 0."""
    return (targets == values).astype(np.float64)


def _score_labels(targets: Array, values: Array) -> Array:
    """The share of the known labels that are predicted at a threshold of 0.5; 1 where none is known."""
    known = targets != UNKNOWN
    right = ((values > 0) == (targets == PRESENT)) & known
    return np.where(known.any(axis=1), right.sum(axis=1) / np.maximum(known.sum(axis=1), 1), 1.0)


def _score_masks(targets: Array, values: Array) -> Array:
    """The mean Dice of the classes that the image or the predicted mask has."""
    shared, predicted = values[..., 0], values[..., 1]
    total = targets + predicted
    counts = total > 0
    dice = 2 * shared / np.maximum(total, _LEAST)
    return np.where(counts, dice, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)


# Of a task: targets and values of one epoch, as `outcomes.npz` has them, to (V,) scores in [0, 1].
_SCORES: dict[str, Callable[[Array, Array], Array]] = {
    "classify": _score_classes,
    "multilabel": _score_labels,
    "segment": _score_masks,
}


def score_images(task: str, outcomes: Outcomes) -> list[float]:
    """The score of each validation image in the last epoch, in [0, 1], higher is better."""
    scores: list[float] = _SCORES[task](outcomes.targets, outcomes.values[-1]).tolist()
    return scores
