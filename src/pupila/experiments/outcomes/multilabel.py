"""Several labels: a score for each class of each image; mean average precision."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.report.evaluation.multilabel import MultilabelModel
from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.outcomes.scorer import ImageOutcomes, OutcomeScorer, Totals
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.multilabel import mean_of_measurable, resampled_values
from pupila.statistics.metrics.ranking import rank_images, ranking_areas, share
from pupila.tasks.label_text import UNKNOWN, label_matrix


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


LABEL_OUTCOMES = OutcomeScorer(
    read=_read, statistic=_statistic, report_metrics=_report_metrics,
    totals=_totals, sums=lambda classes: 2 * classes, score=_score,
)  # fmt: skip
