"""The result of tuning, for every task."""

from dataclasses import dataclass

from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.class_loss import ClassLoss


@dataclass(frozen=True, slots=True)
class RejectedSetting:
    """A parameter of post-processing that improves the mean over classes at the cost of one of them."""

    name: str  # field of `PostProcessing`
    value: float
    loss: ClassLoss


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits into predictions."""

    temperature: float  # logits are divided by it before the softmax
    post_processing: PostProcessing
    rejected: tuple[RejectedSetting, ...] = ()
