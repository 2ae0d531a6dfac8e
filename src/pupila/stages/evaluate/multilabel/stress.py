"""Micro F1 on versions of an image: twice the correct labels over the predicted and the present ones."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.evaluate.stress.scorer import Counts, OpenTarget, StressScorer, score_predictions
from pupila.tasks.multilabel import LabelsPrediction


def _open(bundle: Bundle, data: Dataset) -> OpenTarget:
    matrix, names = data.label_matrix, data.classes

    def open_target(row: int) -> Callable[[LabelsPrediction], Counts] | None:
        known, present = matrix[row] >= 0, matrix[row] == 1
        if not known.any():
            return None

        def score(prediction: LabelsPrediction) -> Counts:
            predicted = known & np.isin(names, prediction.labels)
            return 2.0 * int((predicted & present).sum()), float(predicted.sum() + present.sum())

        return score

    return score_predictions(bundle, open_target)


SCORER = StressScorer(metric=lambda classes: "micro_f1", open=_open)
