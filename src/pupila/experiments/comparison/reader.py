"""What each image contributes to the metric that chooses a winner: the part that differs between tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pupila.artifacts.dataset.manifest import Dataset
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array, Statistic


@dataclass(frozen=True, slots=True)
class ImageOutcomes:
    """What several runs predicted for the same N images."""

    targets: Array  # (N, ...) as the task scores them
    runs: list[Array]  # of each run (N, ...), as the task scores them


@dataclass(frozen=True, slots=True)
class OutcomeReader:
    """How one task reads the predictions of runs, and scores any selection of their images."""

    # Tables `oof.parquet` with the same N images in the same order, and the data set, to outcomes.
    read: Callable[[Sequence[pl.DataFrame], Dataset], ImageOutcomes]
    # (M, ...) outcomes and (M, ...) targets to the metric of (B, M) multiplicities.
    statistic: Callable[[Array, Array], Statistic]
    # The first model of an evaluation's report to its metrics by the ids of validation.
    report_metrics: Callable[[Any], dict[str, Estimate]]
