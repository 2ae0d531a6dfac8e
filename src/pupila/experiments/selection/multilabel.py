"""Several labels: mean average precision; over folds the mean of each class's, weighted by its positives."""

import numpy as np

from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.selection.scorer import SelectionScorer, Totals
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.multilabel import mean_of_measurable
from pupila.statistics.metrics.ranking import rank_images, ranking_areas, share
from pupila.tasks.label_text import UNKNOWN


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    """Sums of each class: its average precision times its positives, and its positives where it is measurable."""
    targets = outcomes.targets
    known = [np.flatnonzero(column != UNKNOWN) for column in targets.T]

    def totals(weights: Array) -> Array:
        positives = weights @ (targets == 1)
        result = np.zeros((len(weights), len(outcomes.values), 2 * classes))
        for epoch, logits in enumerate(outcomes.values):
            for number, places in enumerate(known):
                ranking = rank_images(targets[places, number] == 1, logits[places, number], places)
                precision, _ = ranking_areas(ranking, weights)
                there = np.where(np.isnan(precision), 0.0, positives[:, number])
                result[:, epoch, number] = np.nan_to_num(precision) * there
                result[:, epoch, classes + number] = there
        return result

    return totals


def _score(totals: Array) -> Array:
    precision, positives = np.split(totals, 2, axis=-1)
    means = share(precision, positives).reshape(-1, precision.shape[-1])
    return mean_of_measurable(means).reshape(totals.shape[:-1])


LABEL_SELECTION = SelectionScorer(_totals, lambda classes: 2 * classes, _score)
