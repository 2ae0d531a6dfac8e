"""How well a trained candidate does on each validation image, from the outcomes of its last epoch."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.run.outcomes import Array, Outcomes
from pupila.tasks.label_text import PRESENT, UNKNOWN
from pupila.tasks.segment import foreground_classes

_LEAST = 1e-9


def _score_classes(targets: Array, values: Array, classes: list[str]) -> Array:
    """1 where the predicted class is right, else 0."""
    return np.asarray(targets == values, dtype=np.float64)


def _score_labels(targets: Array, values: Array, classes: list[str]) -> Array:
    """One minus the mean squared error of the probabilities of the known labels; 1 where none is known."""
    known = targets != UNKNOWN
    errors = (1 / (1 + np.exp(-values.astype(np.float64))) - (targets == PRESENT)) ** 2 * known
    return np.asarray(1 - errors.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _score_masks(targets: Array, values: Array, classes: list[str]) -> Array:
    """The mean Dice of the foreground classes that the image or the predicted mask has; 1 where neither has any."""
    foreground = list(foreground_classes(classes))
    targets, shared, predicted = targets[:, foreground], values[:, foreground, 0], values[:, foreground, 1]
    total = targets + predicted
    counts = total > 0
    dice = 2 * shared / np.maximum(total, _LEAST)
    mean = np.where(counts, dice, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return np.asarray(np.where(counts.any(axis=1), mean, 1.0))


def _score_prompts(targets: Array, values: Array, classes: list[str]) -> Array:
    """The mean IoU over the prompt strategies."""
    return np.asarray(values.mean(axis=1), dtype=np.float64)


# Of a task: targets and values of one epoch, as `outcomes.npz` has them, and the classes, to (V,) scores in [0, 1].
SCORES: dict[str, Callable[[Array, Array, list[str]], Array]] = {
    "classify": _score_classes,
    "multilabel": _score_labels,
    "segment": _score_masks,
    "prompt": _score_prompts,
}


def score_images(task: str, outcomes: Outcomes, classes: list[str]) -> list[float]:
    """The score of each validation image in the last epoch, in [0, 1], higher is better."""
    scores: list[float] = SCORES[task](outcomes.targets, outcomes.values[-1], classes).tolist()
    return scores
