"""Distillation: a smaller network learns from the logits of a larger one on the same crops.

The loss is the mean of the task's own and of the squared difference of the logits (Ba and Caruana 2014,
arXiv:1312.6184; Kim et al. 2021, arXiv:2105.08919), which needs no temperature and is the same for every task.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.session import Session
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.features import FeatureRequest
from pupila.learning.loop import EpochResult
from pupila.learning.trainers.trainer import HeadTrainer, TaskTrainer


@dataclass(frozen=True, slots=True)
class Teacher:
    """The larger model."""

    session: Session
    preprocessing: Preprocessing

    def logits(self, pixels: Array, normalised: Preprocessing) -> Array:
        """Its logits for (N, 3, H, W) inputs that another model's mean and deviation normalise."""
        shift, scale = (_per_channel(spec) for spec in (normalised, self.preprocessing))
        own = (pixels * shift[1] + shift[0] - scale[0]) / scale[1]
        return self.session.run(own.astype(np.float32), outputs=[LOGITS])[0]


class DistillingTrainer:
    """A `TaskTrainer` whose criterion compares logits with those of a teacher, too.

    Its targets are (N, T + C, ...) float32: those of the task as T channels, then the teacher's logits.
    """

    def __init__(self, trainer: TaskTrainer, teacher: Teacher) -> None:
        self.trainer, self.teacher = trainer, teacher
        self.split, self.network, self.mixing = trainer.split, trainer.network, trainer.mixing
        self.criterion: Callable[[Any, Tensor], Tensor] = self._criterion

    def _criterion(self, outputs: Any, targets: Tensor) -> Tensor:
        """Half of the task's loss, and half of the mean squared difference to the teacher."""
        classes = outputs.shape[1]
        own, theirs = targets[:, :-classes], targets[:, -classes:]
        if own.shape[1] < classes:  # a class index; several labels have a column for each class
            own = own[:, 0].long()
        return (self.trainer.criterion(outputs, own) + nn.functional.mse_loss(outputs.float(), theirs)) / 2

    def batches(self, epoch: int) -> list[list[int]]:
        """See `TaskTrainer`."""
        return self.trainer.batches(epoch)

    def inputs(self, items: list[int], view: int) -> tuple[Array | tuple[Array, ...], Array]:
        """The same crops for both; the teacher's logits are channels of the targets."""
        pixels, targets = self.trainer.inputs(items, view)
        assert isinstance(pixels, np.ndarray)
        logits = self.teacher.logits(pixels, self.trainer.network.preprocessing)
        own = targets if targets.shape == logits.shape else targets[:, None]
        return pixels, np.concatenate([own.astype(np.float32), logits], axis=1)

    def build_module(self, unfreeze: int | str) -> nn.Module:
        """See `TaskTrainer`."""
        return self.trainer.build_module(unfreeze)

    def validate(self, module: nn.Module, epoch: int) -> EpochResult:
        """See `TaskTrainer`: by the labels alone."""
        return self.trainer.validate(module, epoch)

    def predict_validation(self, module: nn.Module) -> Any:
        """See `TaskTrainer`."""
        return self.trainer.predict_validation(module)

    def request_features(self) -> list[FeatureRequest]:
        """See `TaskTrainer`."""
        return self.trainer.request_features()

    def build_head_trainer(self) -> HeadTrainer | None:
        """See `TaskTrainer`: the head learns from the labels before the rest learns from the teacher."""
        return self.trainer.build_head_trainer()


def _per_channel(spec: Preprocessing) -> tuple[Array, Array]:
    mean, std = (np.asarray(values, np.float32).reshape(1, -1, 1, 1) for values in (spec.mean, spec.std))
    return mean, std
