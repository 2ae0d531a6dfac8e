"""Explain a classifier: the logit of the predicted class."""

from collections.abc import Callable

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.explain.target import ClassScore, Score
from pupila.tasks.classify import ClassPrediction, softmax
from pupila.tasks.task import PredictionSpec


def _select_class(prediction: ClassPrediction) -> str:
    return prediction.prediction


def class_logit(number: int, logits: Array) -> Score:
    """The logit of a class."""
    return lambda given: given[:, number]


def _probability(number: int, logits: Array, spec: PredictionSpec) -> Callable[[Array], Array]:
    return lambda given: np.asarray(softmax(given / spec.temperature)[:, number])


CLASSIFY_SCORE = ClassScore(_select_class, class_logit, _probability)
