"""Prompted masks: the mean IoU of each image over its targets and prompt strategies; the mean over images."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.prompt import iou_column
from pupila.artifacts.report.evaluation.prompt import PromptModel
from pupila.experiments.comparison.reader import ImageOutcomes, OutcomeReader
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic
from pupila.statistics.metrics.ranking import share
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES


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


PROMPT_OUTCOMES = OutcomeReader(_read, _statistic, _report_metrics)
