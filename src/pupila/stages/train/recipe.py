"""What finishing a training does differently for each task, as one record for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.statistics.intervals import Statistic
from pupila.statistics.metrics.baseline import Baseline
from pupila.tasks.task import Task
from pupila.tasks.tuning.calibration import Calibration


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of validation with the final weights."""

    calibration: Calibration
    summary: ValidationSummary | None  # None without validation
    predictions: pl.DataFrame  # columns of `oof.parquet` besides those of the image


def no_warnings(data: Dataset, training: list[int], validation: list[int]) -> list[str]:
    """Nothing to say of the rows of a training."""
    return []


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How a training of one task ends; its trainer is in `learning.trainers`, its plan in `planning`."""

    task: Task
    metric: Callable[[int], str]  # number of classes to the id of the metric that chooses the epoch
    concatenate: Callable[[list[Any]], Any]  # predictions of several folds as one
    is_collapsed: Callable[[Any], bool]  # whether the predictions are the same for all images
    calibrate: Callable[
        [Any, Dataset, Any, list[int], Array], ValidationResult
    ]  # plan, predictions, rows, groups
    baseline: Callable[[Dataset, list[int]], Baseline]  # and its metrics
    baseline_name: str  # marked for translation; {name} is the name of the baseline
    # Rows, and (2N, C) predictions of two models for them, to their metric: see `compare_scores`.
    paired_metric: Callable[[Dataset, list[int], Array], Statistic] | None = None
    collapse: str = mark("The model predicts a single class (collapsed).")  # marked for translation
    # Rows of training and of validation to sentences on what they can't teach or measure.
    warnings: Callable[[Dataset, list[int], list[int]], list[str]] = no_warnings
