"""Masks: the mean Dice of the images with two classes, the IoU of pooled pixels with more."""

import numpy as np

from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.selection.scorer import SelectionScorer, Totals, sum_by_epoch
from pupila.statistics.intervals import Array
from pupila.statistics.metrics.classify import mean_of_present, ratio
from pupila.statistics.metrics.ranking import share

_MEAN_SUMS = 2  # of two classes: Dice, and labelled images


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    epochs, images = outcomes.values.shape[:2]
    labelled = (outcomes.targets.sum(axis=1) > 0).astype(np.float64)

    def dice(some: slice) -> Array:
        shared, predicted = np.moveaxis(outcomes.values[some, :, 1].astype(np.float64), -1, 0)
        whole = predicted + outcomes.targets[:, 1]
        scores = np.where(whole > 0, ratio(2 * shared, whole), 1.0) * labelled  # 1 where both masks are empty
        return np.stack([scores, np.broadcast_to(labelled, scores.shape)], axis=-1)

    def pixels(some: slice) -> Array:
        own = outcomes.values[some].astype(np.float64)
        true = np.broadcast_to(outcomes.targets.astype(np.float64), own.shape[:-1])
        return np.concatenate([own[..., 0], own[..., 1], true], axis=-1)

    if classes == 2:
        return sum_by_epoch(epochs, images, _MEAN_SUMS, dice)
    return sum_by_epoch(epochs, images, 3 * classes, pixels)


def _score(totals: Array) -> Array:
    if totals.shape[-1] == _MEAN_SUMS:
        return share(totals[..., 0], totals[..., 1])
    shared, predicted, true = np.split(totals, 3, axis=-1)
    scores = mean_of_present(
        ratio(shared, predicted + true - shared), true
    )  # classes that no target has don't count
    return np.where(true.sum(axis=-1) > 0, scores, np.nan)


MASK_SELECTION = SelectionScorer(_totals, lambda classes: _MEAN_SUMS if classes == 2 else 3 * classes, _score)
