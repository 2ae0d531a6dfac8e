"""Classes: macro F1 from the counts of each class that are right, predicted and true."""

import numpy as np

from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.selection.scorer import SelectionScorer, Totals, sum_by_epoch
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.classify import mean_of_present, ratio


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    epochs, images = outcomes.values.shape
    one_hot = np.eye(classes, dtype=np.float32)
    true = one_hot[outcomes.targets]

    def features(some: slice) -> Array:
        predicted = one_hot[outcomes.values[some]]
        return np.concatenate([predicted * true, predicted, np.broadcast_to(true, predicted.shape)], axis=2)

    return sum_by_epoch(epochs, images, 3 * classes, features)


def _score(totals: Array) -> Array:
    right, predicted, true = np.split(totals, 3, axis=-1)
    return np.where(true.sum(axis=-1) > 0, mean_of_present(ratio(2 * right, predicted + true), predicted + true),
                    np.nan)  # fmt: skip


CLASS_SELECTION = SelectionScorer(_totals, lambda classes: 3 * classes, _score)
