"""What is monitored of a prediction's classes, for every task."""

from collections.abc import Callable
from typing import Any

# Probability of each class; of masks its share of the pixels; of a prompt the share of its mask.
OUTPUTS: dict[str, Callable[[Any], dict[str, float]]] = {
    "classify": lambda prediction: prediction.probabilities,
    "multilabel": lambda prediction: prediction.probabilities,
    "segment": lambda prediction: prediction.shares,
    "prompt": lambda prediction: {"mask": prediction.share},
}
