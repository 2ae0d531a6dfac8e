"""Explain a multi-label classifier: the logit of its most probable class, whether it is predicted or not."""

from collections.abc import Callable

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.explain.classify import class_logit
from pupila.stages.explain.target import ClassScore
from pupila.tasks.multilabel import LabelsPrediction, calibrated_probabilities
from pupila.tasks.task import PredictionSpec


def _select_class(prediction: LabelsPrediction) -> str:
    return max(prediction.probabilities, key=lambda name: prediction.probabilities[name])


def _probability(number: int, logits: Array, spec: PredictionSpec) -> Callable[[Array], Array]:
    return lambda given: np.asarray(
        calibrated_probabilities(given, spec.temperature, spec.post_processing)[:, number]
    )


MULTILABEL_SCORE = ClassScore(_select_class, class_logit, _probability)
