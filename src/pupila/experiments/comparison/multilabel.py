"""Several labels: a score for each class of each image; mean average precision."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.report.evaluation.multilabel import MultilabelModel
from pupila.experiments.comparison.reader import ImageOutcomes, OutcomeReader
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.multilabel import resampled_values
from pupila.tasks.label_text import label_matrix


def _read(tables: Sequence[pl.DataFrame], data: Dataset) -> ImageOutcomes:
    """(N, C) logits, which rank the images of a class as its calibrated probabilities do."""
    columns = [logit_column(name) for name in data.classes]
    return ImageOutcomes(
        label_matrix(tables[0]["target"].to_list(), data.classes),
        [table.select(columns).to_numpy().astype(np.float64) for table in tables],
    )


def _statistic(outcomes: Array, targets: Array) -> Statistic:
    values = resampled_values(targets, np.zeros(targets.shape, dtype=bool), outcomes)
    return lambda times: values(times.astype(np.float64)).overall["mean_average_precision"]


def _report_metrics(model: MultilabelModel) -> dict[str, Estimate]:
    return model.metrics


LABEL_OUTCOMES = OutcomeReader(_read, _statistic, _report_metrics)
