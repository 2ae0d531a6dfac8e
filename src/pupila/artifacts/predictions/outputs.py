"""What is recorded of a prediction's classes, for every task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordedFields:
    """How one task's predictions are read."""

    classes: Callable[[Any], tuple[str, ...]]  # the predicted ones; of masks those that a pixel has
    outputs: Callable[[Any], dict[str, float]]  # probability of each class; of masks its share of the pixels


RECORDED: dict[str, RecordedFields] = {
    "classify": RecordedFields(
        lambda prediction: (prediction.prediction,), lambda prediction: prediction.probabilities
    ),
    "multilabel": RecordedFields(
        lambda prediction: prediction.labels, lambda prediction: prediction.probabilities
    ),
    "segment": RecordedFields(
        lambda prediction: tuple(name for name, share in prediction.shares.items() if share > 0),
        lambda prediction: prediction.shares,
    ),
    "prompt": RecordedFields(lambda prediction: (), lambda prediction: {"mask": prediction.share}),
}
