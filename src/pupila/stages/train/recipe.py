"""What training does differently for each task, as one record for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
from torch import Tensor, nn

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.learning.loop import Batch, Judged
from pupila.learning.models.network import Network
from pupila.stages.train.settings import TrainPlan, TrainSettings
from pupila.tasks.task import Decision, Task


@dataclass(frozen=True, slots=True)
class Sides:
    """Row numbers of the data set."""

    train: list[int]
    validation: list[int]  # empty: train for all epochs, the last is the best


class Lesson(Protocol):
    """What is learned from, and how it is judged; all phases share it."""

    sides: Sides
    plan: TrainPlan
    network: Network
    criterion: Callable[[Any, Tensor], Tensor]

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""

    def inputs(self, items: list[int], view: int) -> tuple[Array | tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 inputs, maybe with more, and targets of K items, in the so-manieth view of each."""

    def module(self, thaw: int | str) -> nn.Module:
        """Encoder and head as one module that answers the inputs, of whose encoder some blocks are trained."""

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the module."""

    def collected(self, module: nn.Module) -> Any:
        """The module's answers to the validation rows, as the task keeps them."""

    def head(self) -> "Frozen | None":
        """How the head alone learns from features that are kept; None where there is nothing worth keeping."""


class Frozen(Protocol):
    """A head on the kept features of an encoder that is not trained."""

    module: nn.Module

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Batches in the epoch, and the batches."""

    def judged(self, module: nn.Module, epoch: int) -> Judged:
        """What validation says of the head."""

    def collected(self, module: nn.Module) -> Any:
        """The head's answers to the validation rows."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What validation decides once the weights stand."""

    temperature: float
    decision: Decision
    validation: dict[
        str, Any
    ]  # what `bundle.json` says: n, groups, metrics, baseline; empty without validation
    answers: pl.DataFrame  # what `oof.parquet` holds of each row besides the image itself


@dataclass(frozen=True, slots=True)
class Kind:
    """How one task is trained."""

    task: Task
    usual: Callable[[Network], dict[str, Any]]  # what "auto" means where nothing is measured
    augment: str  # the preset that "auto" means, unless `usual` says otherwise
    idle: tuple[str, ...]  # settings that do nothing for this task
    score: Callable[[int], str]  # number of classes to the name of the metric that chooses the epoch
    batch: int  # largest that "auto" takes
    lesson: Callable[[Dataset, Sides, TrainPlan, Network], Lesson]
    joined: Callable[[list[Any]], Any]  # what several folds collected, as one
    collapsed: Callable[[Any], bool]  # whether what was collected answers one class alone
    conclude: Callable[[TrainPlan, Dataset, Any, list[int], Array], Concluded]  # collected, rows, groups
    baseline: Callable[[Dataset, list[int]], dict[str, Any]]  # what always answering one class would reach
    check: Callable[[TrainSettings, Dataset], None]  # refuse what can't be honoured
