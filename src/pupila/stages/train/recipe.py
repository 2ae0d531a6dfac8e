"""What planning and finishing a training does differently for each task, as one record for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.learning.models.network import Network
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.statistics.metrics.baseline import Baseline
from pupila.tasks.task import Task
from pupila.tasks.tuning.calibration import Calibration


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of validation with the final weights."""

    calibration: Calibration
    summary: ValidationSummary | None  # None without validation
    predictions: pl.DataFrame  # columns of `oof.parquet` besides those of the image


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How one task is trained: defaults, calibration and baseline; its trainer is in `learning.trainers`."""

    task: Task
    defaults: Callable[[Network], dict[str, Any]]  # what "auto" means where nothing is measured
    augment: str  # the preset that "auto" means, unless `defaults` has another
    unused_settings: tuple[str, ...]  # settings that have no effect for this task
    metric: Callable[[int], str]  # number of classes to the id of the metric that chooses the epoch
    max_batch_size: int  # largest that "auto" takes
    concatenate: Callable[[list[Any]], Any]  # predictions of several folds as one
    is_collapsed: Callable[[Any], bool]  # whether the predictions have a single class
    calibrate: Callable[
        [TrainPlan, Dataset, Any, list[int], Array], ValidationResult
    ]  # predictions, rows, groups
    baseline: Callable[[Dataset, list[int]], Baseline]  # and its metrics
    check_settings: Callable[[TrainSettings, Dataset], None]  # refuse unusable settings
    baseline_name: str  # marked for translation; {name} is the name of the baseline
