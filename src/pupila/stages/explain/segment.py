"""Explain a segmentation model: the sum of the logits over the region that is predicted for a class."""

from collections.abc import Callable

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.explain.target import ClassScore, Score
from pupila.tasks.classify import softmax
from pupila.tasks.segment import MaskPrediction, foreground_classes
from pupila.tasks.task import PredictionSpec


def _select_class(prediction: MaskPrediction) -> str:
    """The foreground class with the largest region."""
    names = foreground_classes(list(prediction.shares)).values()
    largest = max(names, key=lambda name: prediction.shares[name])
    return largest if prediction.shares[largest] else ""


def _score(number: int, logits: Array) -> Score:
    rows, columns = _region(number, logits)
    return lambda given: given[:, number, rows, columns].sum(1)


def _probability(number: int, logits: Array, spec: PredictionSpec) -> Callable[[Array], Array]:
    """Its mean over the region that is predicted for the unchanged input."""
    rows, columns = _region(number, logits)
    return lambda given: np.asarray(softmax(given / spec.temperature)[:, number, rows, columns].mean(axis=1))


def _region(number: int, logits: Array) -> tuple[Array, Array]:
    """Rows and columns of the pixels whose largest logit is that of the class."""
    rows, columns = np.nonzero(logits.argmax(axis=0) == number)
    return rows, columns


SEGMENT_SCORE = ClassScore(_select_class, _score, _probability)
