"""The result of tuning, for every task."""

from dataclasses import dataclass

from pupila.tasks.task import PostProcessing


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits into predictions."""

    temperature: float  # logits are divided by it before the softmax
    post_processing: PostProcessing
