"""What trains a network for one task: batches, criterion and validation, whatever schedules the epochs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pupila.artifacts.dataset.splits import SplitFile
from pupila.imaging.images.decode import Array
from pupila.learning.features import FeatureRequest
from pupila.learning.fit_once import Solution
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.mixing import Mixing
from pupila.learning.models.network import Network


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Row numbers of the data set."""

    train: list[int]
    validation: list[int]  # empty: train for all epochs and use the last one
    groups: list[int] = field(default_factory=list)  # of related images, of each training row; empty: unknown

    @classmethod
    def of(cls, splits: SplitFile, train: list[int], validation: list[int]) -> "SplitRows":
        """With the groups of a split."""
        return cls(train, validation, [splits.images[row].component for row in train])


class TaskTrainer(Protocol):
    """Trains one network for a task: batches, criterion and validation, shared by all phases."""

    split: SplitRows
    network: Network
    criterion: Callable[[Any, Tensor], Tensor]
    mixing: Mixing  # of batches of pixels

    def batches(self, epoch: int) -> list[list[int]]:
        """The items of the epoch's batches."""

    def inputs(self, items: list[int], view: int) -> tuple[Array | tuple[Array, ...], Array]:
        """(K, 3, H, W) float32 inputs, alone or with further arrays, and targets of K items in view number `view`."""

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head as one module, with the last `unfreeze` blocks of the encoder trainable."""

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the module."""

    def predict_validation(self, module: nn.Module) -> Any:
        """The predictions for the validation rows, in the form in which the task is tuned: one pass at most."""

    def request_features(self) -> list[FeatureRequest]:
        """The cached features that training its head needs; none for a task that caches none."""

    def build_head_trainer(self) -> "HeadTrainer | None":
        """What trains the head alone on cached features; None for a task that caches none."""


class HeadTrainer(Protocol):
    """Trains a head on the cached features of a frozen encoder."""

    module: nn.Module

    @property
    def solve(self) -> Callable[[], Solution] | None:
        """Fits the module at once; None: it is trained in epochs."""

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""

    def predict_validation(self, module: nn.Module) -> Any:
        """The head's predictions for the validation rows: see `TaskTrainer`."""

    def fit_probe(self) -> nn.Module | None:
        """A linear probe on the frozen encoder, the baseline of what is trained; None: the task has none."""


def join_samples(samples: list[tuple[Array, Array]], classes: int) -> tuple[Array, Array]:
    """(S, C) float32 logits and (S,) int64 class indices of all samples; empty where there is none."""
    nothing = np.empty((0, classes), np.float32), np.empty(0, np.int64)
    logits, targets = (np.concatenate(part) for part in zip(nothing, *samples, strict=True))
    return logits, targets


def to_device(inputs: Array | tuple[Array, ...], targets: Array, device: str) -> Batch:
    """Inputs and targets as tensors on a device; images in channels-last layout."""
    first, *others = inputs if isinstance(inputs, tuple) else (inputs,)
    pixels = torch.from_numpy(first).to(device)
    if pixels.ndim == 4:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    more = tuple(torch.from_numpy(part).to(device) for part in others)
    return (pixels, *more) if more else pixels, torch.from_numpy(targets).to(device)
