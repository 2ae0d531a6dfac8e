"""What a training costs on this machine, and the settings that a budget decides."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.messages import number, say
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.preprocess import fit_image, min_decode_side
from pupila.learning.augment import augment
from pupila.learning.models.network import Network
from pupila.stages.train.settings import TrainSettings

MAX_EPOCHS, MIN_FINETUNE_EPOCHS = 60, 3
LEAST_SHARE = 0.02  # of the images; with less time the first epoch is shortened
_IMAGES_TIMED = 8  # images


@dataclass(frozen=True, slots=True)
class Timed:
    """What is measured for a budget."""

    data: Dataset
    splits: SplitFile
    network: Network  # of the settings, or for other images of the same kind
    preset: str  # of the augmentation

    @property
    def rows(self) -> list[int]:
        """See `list_training_rows`."""
        return list_training_rows(self.splits)

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len({a.fold for a in self.splits.images if a.fold is not None})

    @property
    def trainings(self) -> int:
        """One for each fold, and one on all of them."""
        return self.folds + 1 if self.folds else 1

    @property
    def median_side(self) -> int:
        """The median of the shorter sides, pixels: a larger input holds no more detail."""
        images = self.data.images
        shorter = sorted(map(min, images["width"].to_list(), images["height"].to_list()))
        return int(shorter[len(shorter) // 2])

    def time_loading(self) -> float:
        """Seconds to read, decode, resize and augment an image."""
        some = self.rows[:: max(1, len(self.rows) // _IMAGES_TIMED)][:_IMAGES_TIMED]
        spec = self.network.preprocessing
        start = time.perf_counter()
        for row in some:
            augment(fit_image(self.data.pixels(row, min_decode_side(spec)), spec), self.preset, row)
        return (time.perf_counter() - start) / len(some)


@dataclass
class Cost:
    """Measured cost per image on this machine, in seconds."""

    images: int  # of the training split
    validation_images: int  # of validation
    loading: float  # to read, decode, resize and augment
    encoding: float  # with the frozen encoder; 0 without pretrained weights
    step: float  # forward and backward through all layers
    image_size: int  # at which the cost was measured
    time_blocks: Callable[[int], float]  # so many unfrozen last blocks to such seconds, measured when called


@dataclass
class BudgetedSettings:
    """Settings with their reasons; those of the user stay as they are."""

    settings: Any  # of the task
    reasons: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, value: Any, reason: str) -> None:
        """Decide a setting that the user did not set."""
        if not self.is_set(name):
            self.limit(name, value, reason)

    def is_set(self, name: str) -> bool:
        """Whether the user set it, to more than "auto"."""
        return name in self.settings.model_fields_set and getattr(self.settings, name) != "auto"

    def limit(self, name: str, value: Any, reason: str) -> None:
        """Decide a setting for which there is no more time, whoever set it."""
        self.settings = self.settings.model_copy(update={name: value})
        self.reasons[name] = reason


def list_training_rows(splits: SplitFile) -> list[int]:
    """The rows of the training split, or of all folds."""
    return [row for row, a in enumerate(splits.images) if a.split == TRAIN or a.fold is not None]


@dataclass(frozen=True, slots=True)
class TaskBudget:
    """How the budget of one task is spent."""

    timed_side: Callable[
        [TrainSettings, Network], int | None
    ]  # image size of timed steps; None: the network's
    time_network: Callable[
        [TrainSettings, Network, str], tuple[float, float]
    ]  # device; see encoding, step of `Cost`
    fit: Callable[[BudgetedSettings, Cost, "Room", Timed], None]  # decides the settings


class Room(Protocol):
    """The time that a budget leaves, and what it is spent on before the training."""

    @property
    def left(self) -> float:
        """Seconds that training may still take."""

    def expect(self, **seconds: float) -> None:
        """Record what epochs of the phases and a validation cost: see `BudgetLog.expected`."""

    def fill(self, settings: TrainSettings, cost: Cost, share: float = 1.0) -> int:
        """Prepare and encode a share of the images; the number of augmented views for which there was time."""


def describe_overrun(start: float, finish: float, budget: float) -> str:
    """That the run ends late: the least is trained all the same, for a model that is late is better than none.

    Args:
        start: seconds that passed before the training.
        finish: seconds that the export and its checks are expected to take.
        budget: seconds.
    """
    return say(
        "The budget of {budget} s is too short: {start} s have passed before the training, and its end takes about "
        "{finish} s. The least is trained all the same, and the run ends late. A longer --budget, or less other work "
        "on this machine, gives a better model.",
        budget=number(budget, 0), start=number(start, 0), finish=number(finish, 0),
    )  # fmt: skip
