"""Classes: a predicted class for each image; macro F1."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import PREDICTION
from pupila.artifacts.report.evaluation.classify import ClassifyModel
from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.outcomes.scorer import ImageOutcomes, OutcomeScorer, Totals, sum_by_epoch
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.classify import macro_f1, mean_of_present, ratio
from pupila.statistics.metrics.estimates import resampled_metric


def _read(tables: Sequence[pl.DataFrame], data: Dataset) -> ImageOutcomes:
    """(N,) class numbers, for N images."""
    number = {name: place for place, name in enumerate(data.classes)}

    def class_numbers(column: pl.Series) -> Array:
        return np.array([number[name] for name in column], dtype=np.int64)

    return ImageOutcomes(
        class_numbers(tables[0]["target"]), [class_numbers(table[PREDICTION]) for table in tables]
    )


def _statistic(outcomes: Array, targets: Array) -> Statistic:
    return resampled_metric(targets, outcomes, int(max(outcomes.max(), targets.max())) + 1, macro_f1)


def _report_metrics(model: ClassifyModel) -> dict[str, Estimate]:
    return model.metrics


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


CLASS_OUTCOMES = OutcomeScorer(
    read=_read, statistic=_statistic, report_metrics=_report_metrics,
    totals=_totals, sums=lambda classes: 3 * classes, score=_score,
)  # fmt: skip
