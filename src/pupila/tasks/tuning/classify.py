"""Tune a classifier: the temperature, and the decision threshold of two classes."""

import numpy as np

from pupila.core.errors import PupilaError
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.threshold import parse_objective, rarer_class, tune_threshold
from pupila.tasks.classify import softmax
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.calibration import Calibration


def tune_classes(
    logits: Array, targets: Array, classes: list[str], start: PostProcessing, objective: str | None
) -> Calibration:
    """Temperature and, where there is an objective, the threshold.

    Args:
        logits: (V, C) of validation images.
        targets: (V,) class indices.
        classes: C names.
        start: post-processing that the threshold is added to.
        objective: see `parse_objective`; None: no threshold. Where no threshold reaches it, the post-processing names
            it without one.
    """
    temperature = fit_temperature(logits, targets)
    if objective is None or not len(logits):
        return Calibration(temperature, start)
    positive = positive_class(objective, targets, classes)
    try:
        threshold = select_threshold(objective, softmax(logits / temperature), targets, classes)
    except PupilaError:  # the report states it, and the trained model is kept
        threshold = None
    tuned = {"positive": classes[positive], "threshold": threshold, "objective": objective}
    return Calibration(temperature, start.model_copy(update=tuned))


def positive_class(objective: str, targets: Array, classes: list[str]) -> int:
    """The index of the class that the objective names, else of the rarer class of the (N,) targets."""
    named, _ = parse_objective(objective, classes)
    return rarer_class(targets) if named is None else named


def select_threshold(objective: str, probabilities: Array, targets: Array, classes: list[str]) -> float:
    """The probability from which the positive class is predicted.

    Args:
        objective: see `parse_objective`.
        probabilities: (N, 2).
        targets: (N,) class indices.
        classes: two names.

    Raises:
        PupilaError: an unknown objective or class, or one that no threshold reaches.
    """
    _, plain = parse_objective(objective, classes)
    positive = positive_class(objective, targets, classes)
    return tune_threshold(plain, np.asarray(probabilities)[:, positive], targets == positive)
