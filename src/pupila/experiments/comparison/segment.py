"""Masks: the pixels of each image by true and predicted class; mean Dice of two classes, pooled IoU of more."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.artifacts.report.evaluation.segment import SegmentModel
from pupila.artifacts.run.out_of_fold import decode_mask
from pupila.core.threads import prefetch
from pupila.experiments.comparison.reader import ImageOutcomes, OutcomeReader
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.classify import mean_of_present
from pupila.statistics.metrics.ranking import share
from pupila.statistics.metrics.segment import confusion_counts, dice, find_occurring, image_scores, iou


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


MASK_OUTCOMES = OutcomeReader(_read, _statistic, _report_metrics)
