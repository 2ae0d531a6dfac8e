"""Train multi-label classifiers: a loss of each class by itself, mean average precision on validation."""

from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_images
from pupila.imaging.images.decode import Array
from pupila.learning.loop import EpochResult
from pupila.learning.losses.labels import LABEL_LOSSES, bce, positive_weights
from pupila.learning.losses.sums import make_loss
from pupila.learning.models.network import Network
from pupila.learning.pool import EncoderPool
from pupila.learning.trainers.images import ImageTrainer, Supervision
from pupila.learning.trainers.settings import MultilabelSettings
from pupila.learning.trainers.trainer import SplitRows
from pupila.statistics.metrics.multilabel import mean_average_precision
from pupila.tasks.label_text import UNKNOWN, label_matrix

_SAME_LOGITS = 0.1  # range of a class's logits over the images, up to which they are nearly the same


@dataclass(frozen=True, slots=True)
class _Plain:
    """A loss as its paper has it."""

    label_smoothing: float = 0.0
    focal_gamma: float = 2.0


class MultilabelTrainer(ImageTrainer):
    """The `TaskTrainer` of multi-label classification: targets are (N, C) int8, -1 for an unknown label.

    Args:
        data: the data set.
        split: training and validation rows.
        settings: of the training.
        network: is trained in place.
        pool: shared by the trainings of a process; None: one of its own.

    Raises:
        PupilaError: every label of the training images is unknown.
    """

    def __init__(
        self,
        data: Dataset,
        split: SplitRows,
        settings: MultilabelSettings,
        network: Network,
        pool: EncoderPool | None = None,
    ) -> None:
        targets = label_matrix(data.images["target"].to_list(), settings.classes)
        if split.train and not (targets[split.train] != UNKNOWN).any():
            raise PupilaError(
                say("Every label of the training images is unknown"), actual=say_images(len(split.train)),
                expected=say("at least one image that shows or lacks a class"), remedy="pupila doctor DATA",
            )  # fmt: skip
        weights = positive_weights(targets[split.train], settings.class_weights)
        weights = None if weights is None else weights.to(settings.device)
        criterion = make_loss(settings.loss, weights, settings, LABEL_LOSSES)
        super().__init__(
            data, split, settings, network, Supervision(targets, criterion, bce(None, _Plain())), pool
        )

    def score(self, targets: Array, logits: Array, loss: float) -> EpochResult:
        """Mean average precision; where no image shows a class, the loss decides."""
        precision = mean_average_precision(targets, logits)
        return EpochResult(
            score=-loss if precision is None else precision,
            loss=loss,
            collapsed=has_same_logits(logits),
            metrics={} if precision is None else {"mean_average_precision": precision},
        )

    def outcomes(self, targets: Array, logits: Array) -> tuple[Array, Array]:
        """Labels and logits."""
        return targets, logits


def has_same_logits(logits: Array) -> bool:
    """Whether two or more images get nearly the same (N, C) logits in every class.

    That no class is predicted is no collapse: with rare labels it is usual at first. Equal scores for all images are
    one, as if the model did not see the image. A range of 0.1 is a tenth in the odds.
    """
    return len(logits) > 1 and bool((logits.max(axis=0) - logits.min(axis=0) <= _SAME_LOGITS).all())
