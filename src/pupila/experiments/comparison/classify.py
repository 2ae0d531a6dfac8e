"""Classes: a predicted class for each image; macro F1."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import PREDICTION
from pupila.artifacts.report.evaluation.classify import ClassifyModel
from pupila.experiments.comparison.reader import ImageOutcomes, OutcomeReader
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.classify import macro_f1
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


CLASS_OUTCOMES = OutcomeReader(_read, _statistic, _report_metrics)
