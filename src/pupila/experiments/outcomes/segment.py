"""Masks: mean Dice of two classes, pooled IoU of more."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.artifacts.report.evaluation.segment import SegmentModel
from pupila.artifacts.run.out_of_fold import decode_mask
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core.threads import prefetch
from pupila.experiments.outcomes.scorer import ImageOutcomes, OutcomeScorer, Totals, sum_by_epoch
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.classify import mean_of_present, ratio
from pupila.statistics.metrics.ranking import share
from pupila.statistics.metrics.segment import confusion_counts, dice, find_occurring, image_scores, iou

_MEAN_SUMS = 2  # of two classes: Dice, and labelled images


def _read(tables: Sequence[pl.DataFrame], data: Dataset) -> ImageOutcomes:
    """(N, C, C) pixels; image by image, so that one ground truth at a time is in memory."""
    row_of = {image: row for row, image in enumerate(data.images["image"])}
    rows, classes = [row_of[image] for image in tables[0]["image"]], len(data.classes)

    def count(number: int) -> list[Array]:
        row = rows[number]
        target = data.mask(row)
        masks = (decode_mask(table[MASK][number], data, row) for table in tables)
        return [confusion_counts(target, mask, classes) for mask in masks]

    counts = [np.stack(part) for part in zip(*prefetch(range(len(rows)), count), strict=True)]
    return ImageOutcomes(np.zeros(len(rows)), counts)


def _statistic(outcomes: Array, targets: Array) -> Statistic:
    if outcomes.shape[-1] == 2:
        labelled = outcomes.any(axis=(1, 2)).astype(np.float64)
        scores = image_scores(outcomes, dice) * labelled
        return lambda times: share(times @ scores, times @ labelled)
    occurring, shape = find_occurring(outcomes), outcomes.shape[1:]
    pixels = outcomes.reshape(len(outcomes), -1).astype(np.float64)
    return lambda times: mean_of_present(iou((times @ pixels).reshape(-1, *shape)), occurring)


def _report_metrics(model: SegmentModel) -> dict[str, Estimate]:
    means = {f"mean_{name}": row.mean for name, row in model.per_image.items()}
    return means | {f"pooled_{name}": estimate for name, estimate in model.pooled.items()}


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    epochs, images = outcomes.values.shape[:2]
    labelled = (outcomes.targets.sum(axis=1) > 0).astype(np.float64)

    def mean_dice(some: slice) -> Array:
        shared, predicted = np.moveaxis(outcomes.values[some, :, 1].astype(np.float64), -1, 0)
        whole = predicted + outcomes.targets[:, 1]
        scores = np.where(whole > 0, ratio(2 * shared, whole), 1.0) * labelled  # 1 where both masks are empty
        return np.stack([scores, np.broadcast_to(labelled, scores.shape)], axis=-1)

    def pixels(some: slice) -> Array:
        own = outcomes.values[some].astype(np.float64)
        true = np.broadcast_to(outcomes.targets.astype(np.float64), own.shape[:-1])
        return np.concatenate([own[..., 0], own[..., 1], true], axis=-1)

    if classes == 2:
        return sum_by_epoch(epochs, images, _MEAN_SUMS, mean_dice)
    return sum_by_epoch(epochs, images, 3 * classes, pixels)


def _score(totals: Array) -> Array:
    if totals.shape[-1] == _MEAN_SUMS:
        return share(totals[..., 0], totals[..., 1])
    shared, predicted, true = np.split(totals, 3, axis=-1)
    # Classes that no target has don't count.
    scores = mean_of_present(ratio(shared, predicted + true - shared), true)
    return np.where(true.sum(axis=-1) > 0, scores, np.nan)


MASK_OUTCOMES = OutcomeScorer(
    read=_read, statistic=_statistic, report_metrics=_report_metrics,
    totals=_totals, sums=lambda classes: _MEAN_SUMS if classes == 2 else 3 * classes, score=_score,
)  # fmt: skip
