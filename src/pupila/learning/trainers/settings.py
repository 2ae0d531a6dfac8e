"""What a trainer reads of its settings: any object with these fields will do, such as a plan; nothing is "auto" here.

Descriptions and limits of the fields stand where users set them, in the settings of the stage.
"""

from typing import Protocol

from pupila.learning.loader.prompt import PromptSettings as RandomPromptSettings
from pupila.learning.losses.classes import OverlapSettings
from pupila.learning.losses.labels import AsymmetricSettings
from pupila.learning.losses.sums import LossSettings


class TrainerSettings(Protocol):
    """What every trainer reads."""

    @property
    def classes(self) -> list[str]:
        """Names in the order of the logits."""

    @property
    def epochs(self) -> int:
        """Passes over the training split with a frozen encoder, or in all without pretrained weights."""

    @property
    def batch_size(self) -> int:
        """Images per step."""

    @property
    def augment(self) -> str:
        """Name of a preset of `augment.PRESETS`."""

    @property
    def seed(self) -> int:
        """Of all random draws."""

    @property
    def device(self) -> str:
        """cpu, cuda or mps."""

    @property
    def test_time_flips(self) -> str:
        """A name of `FLIP_AXES`: validation predicts as the bundle does."""

    @property
    def workers(self) -> int:
        """Threads that load batches."""


class CriterionSettings(LossSettings, Protocol):
    """The loss of a task whose users choose it."""

    @property
    def loss(self) -> str:
        """A sum that `parse_loss` reads."""

    @property
    def class_weights(self) -> str:
        """none, inverse, inverse_sqrt or effective."""


class UnfreezingSettings(Protocol):
    """What a trainer reads that unfreezes blocks with batch norm."""

    @property
    def batch_norm(self) -> str:
        """frozen or trained: its statistics in unfrozen blocks."""


class FeatureSettings(Protocol):
    """What a trainer reads that caches the output of a frozen encoder."""

    @property
    def engine(self) -> str:
        """Runtime of the frozen encoder: see `make_encoder`."""

    @property
    def augmented_views(self) -> int:
        """Augmented views per image."""


class ImageSettings(TrainerSettings, FeatureSettings, UnfreezingSettings, Protocol):
    """What every trainer with a row of logits for each image reads."""

    @property
    def head(self) -> str:
        """logistic, linear or dense."""

    @property
    def l2(self) -> float | str:
        """L2 strength of a logistic head, or cross-validation."""

    @property
    def mixup(self) -> float:
        """Alpha of mixup; 0: none."""

    @property
    def cutmix(self) -> float:
        """Alpha of cutmix; 0: none."""


class ClassifySettings(ImageSettings, CriterionSettings, Protocol):
    """What the trainer of classifiers reads."""

    @property
    def sampling(self) -> str:
        """natural or balanced."""


class MultilabelSettings(ImageSettings, CriterionSettings, AsymmetricSettings, Protocol):
    """What the trainer of multi-label classifiers reads."""


class SegmentSettings(TrainerSettings, CriterionSettings, OverlapSettings, UnfreezingSettings, Protocol):
    """What the trainer of segmentation models reads."""

    @property
    def finetune_epochs(self) -> int:
        """Passes with unfrozen blocks."""


class PromptSettings(TrainerSettings, FeatureSettings, RandomPromptSettings, Protocol):
    """What the trainer of promptable models reads."""

    @property
    def corrections(self) -> int:
        """Rounds that add a point at the largest error."""

    @property
    def cache(self) -> str:
        """float16, float32 or none: number format of cached embeddings."""
