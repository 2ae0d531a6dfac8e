"""Prompted masks: the mean IoU over prompt strategies."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.prompt import iou_column
from pupila.artifacts.report.evaluation.prompt import PromptModel
from pupila.artifacts.run.outcomes import Outcomes
from pupila.experiments.outcomes.scorer import ImageOutcomes, OutcomeScorer, Totals, sum_by_epoch
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.ranking import share
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES

_SUMS = 2  # IoU, and targets


def _read(tables: Sequence[pl.DataFrame], data: Dataset) -> ImageOutcomes:
    """(N,) mean IoU; NaN of an image without a target."""
    columns = [iou_column(strategy.name) for strategy in PROMPT_STRATEGIES]
    scores = [table.select(pl.mean_horizontal(columns)).to_series().to_numpy() for table in tables]
    return ImageOutcomes(np.zeros(len(tables[0])), [np.asarray(row, dtype=np.float64) for row in scores])


def _statistic(outcomes: Array, targets: Array) -> Statistic:
    scored = np.isfinite(outcomes).astype(np.float64)
    scores = np.nan_to_num(outcomes)
    return lambda times: share(times @ scores, times @ scored)


def _report_metrics(model: PromptModel) -> dict[str, Estimate]:
    """Of each prompt strategy: a report has no mean over all of them."""
    return {
        f"mean_{metric}_{strategy}": results.per_mask[metric].mean
        for strategy, results in model.strategies.items()
        for metric in ("iou", "dice")
    }


def _totals(outcomes: Outcomes, classes: int) -> Totals:
    def features(some: slice) -> Array:
        scores = outcomes.values[some].astype(np.float64).mean(axis=-1)
        return np.stack([scores, np.ones_like(scores)], axis=-1)

    epochs, images = outcomes.values.shape[:2]
    return sum_by_epoch(epochs, images, _SUMS, features)


PROMPT_OUTCOMES = OutcomeScorer(
    read=_read, statistic=_statistic, report_metrics=_report_metrics,
    totals=_totals, sums=lambda classes: _SUMS, score=lambda totals: share(totals[..., 0], totals[..., 1]),
)  # fmt: skip
