"""What training does differently for each task, as one record for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
from torch import Tensor, nn

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.models.network import Network
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.statistics.metrics.baseline import Baseline
from pupila.tasks.task import PostProcessing, Task


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Row numbers of the data set."""

    train: list[int]
    validation: list[int]  # empty: train for all epochs and use the last one


class TaskTrainer(Protocol):
    """Trains one network for a task: batches, criterion and validation, shared by all phases."""

    split: SplitRows
    plan: TrainPlan
    network: Network
    criterion: Callable[[Any, Tensor], Tensor]

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""

    def inputs(self, items: list[int], view: int) -> tuple[Array | tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 inputs, alone or with further arrays, and targets of K items in view number `view`."""

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head as one module, with the last `unfreeze` blocks of the encoder trainable."""

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the module."""

    def predict_validation(self, module: nn.Module) -> Any:
        """The module's predictions for the validation rows, in the form of the task."""

    def build_head_trainer(self) -> "HeadTrainer | None":
        """What trains the head alone on cached features; None for a task that caches none."""


class HeadTrainer(Protocol):
    """Trains a head on the cached features of a frozen encoder."""

    module: nn.Module

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""

    def predict_validation(self, module: nn.Module) -> Any:
        """The head's predictions for the validation rows."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of validation with the final weights."""

    temperature: float
    post_processing: PostProcessing
    summary: ValidationSummary | None  # for `bundle.json`; None without validation
    predictions: pl.DataFrame  # columns of `oof.parquet` besides those of the image


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How one task is trained: defaults, trainer, calibration and baseline."""

    task: Task
    defaults: Callable[[Network], dict[str, Any]]  # what "auto" means where nothing is measured
    augment: str  # the preset that "auto" means, unless `defaults` has another
    unused_settings: tuple[str, ...]  # settings that have no effect for this task
    metric: Callable[[int], str]  # number of classes to the id of the metric that chooses the epoch
    max_batch_size: int  # largest that "auto" takes
    trainer: Callable[[Dataset, SplitRows, TrainPlan, Network], TaskTrainer]
    concatenate: Callable[[list[Any]], Any]  # predictions of several folds as one
    is_collapsed: Callable[[Any], bool]  # whether the predictions have a single class
    calibrate: Callable[
        [TrainPlan, Dataset, Any, list[int], Array], ValidationResult
    ]  # predictions, rows, groups
    baseline: Callable[[Dataset, list[int]], Baseline]
    check_settings: Callable[[TrainSettings, Dataset], None]  # refuse unusable settings
    baseline_name: str  # marked for translation; {name} is the name of the baseline
