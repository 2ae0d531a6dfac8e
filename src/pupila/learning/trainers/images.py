"""Train networks whose target is a row of numbers for each image: on images, or a head on cached features."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.imaging.images.flips import FLIP_AXES
from pupila.learning.features import FeatureRequest, Features
from pupila.learning.fit_once import Solution
from pupila.learning.linear import (
    MOST_ROWS,
    Criterion,
    Examples,
    L2Choice,
    choose_l2,
    fit_standardised,
    zero_layer,
)
from pupila.learning.loader.batches import chunks, order
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.views import AugmentedViews, View
from pupila.learning.loop import Batch, EpochResult
from pupila.learning.mixing import Mixing
from pupila.learning.models.network import Network, Unfrozen
from pupila.learning.models.served import average_flips
from pupila.learning.models.settings import CROSS_VALIDATION, LOGISTIC
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.settings import ImageSettings
from pupila.learning.trainers.trainer import SplitRows

_VALIDATION_BATCH = 64  # images
_FEATURE_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the images of a data set teach."""

    targets: Array  # (N,) or (N, C): of every row
    criterion: Callable[[Any, Tensor], Tensor]  # logits (K, C) and targets of K images to a scalar
    plain_criterion: Callable[
        [Any, Tensor], Tensor
    ]  # cross-entropy without any weights, which fits the probe
    chances: Array | None = None  # relative probability of each training row to be drawn; None: each once


class ImageTrainer(ABC):
    """The `TaskTrainer` of tasks with logits (N, C) for N images.

    Args:
        data: the data set.
        split: training and validation rows.
        settings: of the training.
        network: is trained in place.
        supervision: targets and criterion.
        pool: shared by the trainings of a process; None: one of its own.
    """

    def __init__(
        self,
        data: Dataset,
        split: SplitRows,
        settings: ImageSettings,
        network: Network,
        supervision: Supervision,
        pool: EncoderPool | None,
    ) -> None:
        self.pool = pool or EncoderPool()
        self.split, self.settings, self.network = split, settings, network
        self.targets, self.criterion = supervision.targets, supervision.criterion
        self.plain_criterion = supervision.plain_criterion
        self.chances, self.mixing = supervision.chances, Mixing(settings.mixup, settings.cutmix)
        pictures = ResizedImages(
            data, network.preprocessing, [*split.train, *split.validation], self.pool.stores
        )
        self.views = AugmentedViews(pictures, settings.augment, settings.seed)

    @abstractmethod
    def score(self, targets: Array, logits: Array, loss: float) -> EpochResult:
        """Validation metrics of V > 0 images: their targets, (V, C) logits, and the mean loss."""

    @abstractmethod
    def outcomes(self, targets: Array, logits: Array) -> tuple[Array, Array]:
        """Targets and values of V images as `outcomes.npz` has them."""

    def batches(self, epoch: int) -> list[list[int]]:
        """Row numbers of the epoch's batches."""
        places = order(len(self.split.train), self.settings.seed, epoch, self.chances)
        return chunks(np.asarray(self.split.train)[places], self.settings.batch_size)

    def inputs(self, items: list[int], view: int) -> tuple[Array, Array]:
        """(K, 3, H, W) float32 images and their targets."""
        return self.views.inputs([(row, view) for row in items]), self.targets[items]

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """Encoder and head."""
        return Unfrozen(self.network, unfreeze, self.settings.batch_norm)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of a module that takes images."""
        return self.score_logits(self.predict_validation(module), epoch)

    def predict_validation(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        rows = chunks(np.asarray(self.split.validation, dtype=np.int64), _VALIDATION_BATCH)
        inputs = prefetch(
            rows, lambda some: self.views.inputs([(row, None) for row in some]), self.settings.workers
        )
        module.eval()
        run = partial(average_flips, module, flips=self.settings.test_time_flips)
        return _predict_logits(run, inputs, self.settings)

    def build_head_trainer(self) -> "FeatureTrainer":
        """Trains the head on cached features."""
        return FeatureTrainer(self)

    def request_features(self) -> list[FeatureRequest]:
        """The cached features that its head is trained and validated on."""
        settings = self.settings
        encoder = self.pool.encoder(settings.engine, self.network, settings.device)
        views = list(dict.fromkeys([None, *self.head_views]))  # the images as they are teach the probe
        pairs: list[tuple[int, View]] = [(row, view) for view in views for row in self.split.train]
        pairs += [
            (row, axes) for axes in FLIP_AXES[settings.test_time_flips] for row in self.split.validation
        ]
        return [FeatureRequest(Features(self.views, encoder, stores=self.pool.stores), pairs)]

    @property
    def head_views(self) -> list[View]:
        """The views that its head is trained on: one each epoch, or all at once, the original images first."""
        if self.settings.head == LOGISTIC:
            return [None, *range(self.settings.augmented_views - 1)]
        return list(range(count_head_views(self.settings)))

    def labels(self, rows: list[int]) -> Array:
        """(N, C) whether a row shows a class, as groups of rows are divided by them."""
        targets = self.targets[rows]
        return targets > 0 if targets.ndim == 2 else targets[:, None] == np.arange(len(self.settings.classes))

    def score_logits(self, logits: Array, epoch: int) -> EpochResult:
        """Validation metrics of (V, C) logits; without validation rows the last epoch counts as the best."""
        if not len(logits):
            return EpochResult(score=float(epoch), loss=None, collapsed=False, metrics={})
        targets = self.targets[self.split.validation]
        with torch.inference_mode():
            device = self.settings.device
            loss = self.criterion(torch.from_numpy(logits).to(device), torch.from_numpy(targets).to(device))
        outcomes = Outcomes.of_epoch(self.split.validation, *self.outcomes(targets, logits))
        return replace(self.score(targets, logits, float(loss)), outcomes=outcomes)


def count_head_views(settings: ImageSettings) -> int:
    """Number of views of each image that a head is trained on: at most one an epoch, where it has epochs."""
    return (
        settings.augmented_views
        if settings.head == LOGISTIC
        else min(settings.augmented_views, settings.epochs)
    )


class FeatureTrainer:
    """Trains a head on features that are computed once per image and view."""

    def __init__(self, trainer: ImageTrainer) -> None:
        self.trainer, settings = trainer, trainer.settings
        (request,) = trainer.request_features()
        self.features = request.features
        self.features.fill(request.pairs)
        self.views = trainer.head_views
        self.module = trainer.network.head.to(settings.device)

    @property
    def solve(self) -> Callable[[], Solution] | None:
        """Fits a logistic head; None: the head is trained in epochs."""
        return self._solve if self.trainer.settings.head == LOGISTIC else None

    def _solve(self) -> Solution:
        l2, layer = self.trainer.settings.l2, self.module
        assert isinstance(layer, nn.Linear)
        if l2 != CROSS_VALIDATION:
            return Solution(self._fit(self.views, float(l2), layer), "")
        choice = self._choose(self.trainer.criterion)
        return Solution(self._fit(self.views, choice.l2, layer), choice.describe())

    def fit_probe(self) -> nn.Linear | None:
        """A logistic regression on the images as they are, once on this machine for the same features and labels.

        None: too many images.
        """
        trainer, rows = self.trainer, self.trainer.split.train
        if len(rows) > MOST_ROWS:
            return None
        layer = zero_layer(trainer.network.size, len(trainer.settings.classes)).to(trainer.settings.device)
        assert self.features.store is not None  # features of images are cached
        keys = [trainer.views.key(row, None) for row in rows]
        labels = trainer.targets[rows].tolist()
        content = [
            self.features.store.folder.name,
            keys,
            labels,
            trainer.split.groups,
            torch.get_num_threads(),
        ]
        name = files.sha256(dump_json(content).encode())[:24]
        path = files.cache_folder() / "probes" / f"{name}.float32"
        stored = np.frombuffer(files.read_from_cache(path) or b"", np.float32)
        if len(stored) == sum(part.numel() for part in layer.parameters()):
            vector_to_parameters(
                torch.from_numpy(stored.copy()).to(trainer.settings.device), layer.parameters()
            )
        else:
            l2 = self._choose(trainer.plain_criterion).l2
            fit_standardised([self._examples(None)], trainer.plain_criterion, l2, layer)
            files.write_to_cache(
                path, parameters_to_vector(layer.parameters()).detach().cpu().numpy().tobytes()
            )
        return layer

    def _fit(self, views: list[View], l2: float, layer: nn.Linear) -> float:
        return fit_standardised([self._examples(view) for view in views], self.trainer.criterion, l2, layer)

    def _choose(self, criterion: Criterion) -> L2Choice:
        """The L2 strength, from the original images."""
        rows, groups = self.trainer.split.train, self.trainer.split.groups
        return choose_l2(self._examples(None), self.trainer.labels(rows), np.array(groups or rows), criterion)

    def _examples(self, view: View) -> Examples:
        """Features and targets of the training images in one view."""
        rows, device = self.trainer.split.train, self.trainer.settings.device
        targets = torch.from_numpy(self.trainer.targets[rows]).to(device)
        return torch.from_numpy(self.features(rows, view)).to(device), targets

    def stream(self, epoch: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches in the epoch, and the batches."""
        self.module.train()
        batches = self.trainer.batches(epoch)
        view, device = self.views[epoch % len(self.views)], self.trainer.settings.device
        return len(batches), (
            (
                torch.from_numpy(self.features(rows, view)).to(device),
                torch.from_numpy(self.trainer.targets[rows]).to(device),
            )
            for rows in batches
        )

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """Validation metrics of the head."""
        return self.trainer.score_logits(self.predict_validation(module), epoch)

    def predict_validation(self, module: nn.Module) -> Array:
        """(V, C) float32 logits of the validation rows, in their order."""
        some = chunks(np.asarray(self.trainer.split.validation, dtype=np.int64), _FEATURE_BATCH)
        module.eval()
        settings = self.trainer.settings
        of_flips = [
            _predict_logits(module, (self.features(rows, axes) for rows in some), settings)
            for axes in FLIP_AXES[settings.test_time_flips]
        ]
        return np.asarray(np.mean(of_flips, axis=0))


def _predict_logits(run: Callable[[Tensor], Tensor], inputs: Any, settings: ImageSettings) -> Array:
    """(V, C) float32 logits, computed in float32 for any training precision."""
    with torch.inference_mode():
        logits = [run(torch.from_numpy(batch).to(settings.device)).float().cpu().numpy() for batch in inputs]
    return np.concatenate(logits) if logits else np.empty((0, len(settings.classes)), np.float32)
