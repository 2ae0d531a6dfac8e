"""Prompted masks: the mean IoU over targets and prompt strategies."""

import numpy as np

from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.selection.scorer import SelectionScorer, Totals, sum_by_epoch
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.ranking import share

_SUMS = 2  # IoU, and targets


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    def features(some: slice) -> Array:
        scores = outcomes.values[some].astype(np.float64).mean(axis=-1)
        return np.stack([scores, np.ones_like(scores)], axis=-1)

    epochs, images = outcomes.values.shape[:2]
    return sum_by_epoch(epochs, images, _SUMS, features)


PROMPT_SELECTION = SelectionScorer(
    _totals, lambda classes: _SUMS, lambda totals: share(totals[..., 0], totals[..., 1])
)
