"""Accuracy on versions of an image."""

from collections.abc import Callable

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.evaluate.stress.scorer import Counts, OpenTarget, StressScorer, score_predictions
from pupila.tasks.classify import ClassPrediction


def _open(bundle: Bundle, data: Dataset) -> OpenTarget:
    targets = data.images["target"].to_list()

    def open_target(row: int) -> Callable[[ClassPrediction], Counts]:
        return lambda prediction: (float(prediction.prediction == targets[row]), 1.0)

    return score_predictions(bundle, open_target)


SCORER = StressScorer(metric=lambda classes: "accuracy", open=_open)
