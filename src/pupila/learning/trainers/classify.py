"""Train classifiers: cross-entropy over the classes, macro F1 on validation."""

import numpy as np
from torch.nn.functional import cross_entropy

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.run.outcomes import compact_indices
from pupila.imaging.images.decode import Array
from pupila.learning.loop import EpochResult
from pupila.learning.losses.classes import LOSSES, class_weights
from pupila.learning.losses.sums import make_loss
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.images import ImageTrainer, Supervision
from pupila.learning.trainers.settings import ClassifySettings
from pupila.learning.trainers.trainer import SplitRows
from pupila.statistics.metrics.classify import accuracy, confusion, macro_f1


class ClassifyTrainer(ImageTrainer):
    """The `TaskTrainer` of classification: targets are (N,) int64 class indices.

    Args:
        data: the data set.
        split: training and validation rows.
        settings: of the training.
        network: is trained in place.
        pool: shared by the trainings of a process; None: one of its own.
    """

    def __init__(
        self,
        data: Dataset,
        split: SplitRows,
        settings: ClassifySettings,
        network: Network,
        pool: EncoderPool | None = None,
    ) -> None:
        targets = class_indices(data.images["target"].to_list(), settings.classes)
        counts = np.bincount(targets[split.train], minlength=len(settings.classes))
        weights = class_weights(counts, settings.class_weights)
        criterion = make_loss(
            settings.loss, None if weights is None else weights.to(settings.device), settings, LOSSES
        )
        chances = None
        if settings.sampling == "balanced":
            chances = 1.0 / np.maximum(counts, 1)[targets[split.train]]
        super().__init__(
            data, split, settings, network, Supervision(targets, criterion, cross_entropy, chances), pool
        )

    def score(self, targets: Array, logits: Array, loss: float) -> EpochResult:
        """Macro F1 and accuracy; one class for all images is a collapse."""
        predictions = logits.argmax(axis=1)
        matrix = confusion(targets, predictions, len(self.settings.classes))
        score = float(macro_f1(matrix))
        return EpochResult(
            score=score,
            loss=loss,
            collapsed=len(set(predictions.tolist())) < 2,
            metrics={"macro_f1": score, "accuracy": float(accuracy(matrix))},
        )

    def outcomes(self, targets: Array, logits: Array) -> tuple[Array, Array]:
        """True and predicted class indices."""
        return compact_indices(targets), compact_indices(logits.argmax(axis=1))


def class_indices(names: list[str | None], classes: list[str]) -> Array:
    """(N,) int64 class indices of the names, -1 for None."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(str(name), -1) for name in names], dtype=np.int64)
