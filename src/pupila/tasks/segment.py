"""Segmentation: one class per pixel."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from pupila.tasks.task import Task


@dataclass(frozen=True, slots=True)
class MaskAnswer:
    """What the model says of one image."""

    mask: NDArray[Any]  # (H, W) uint8 class index, at the size of the upright image
    shares: dict[str, float]  # of the pixels, of every class
    confidence: float  # mean over pixels of the calibrated probability of the answered class
    abstained: bool  # whether the model is too unsure for its answer to count


SEGMENT = Task(name="segment", target="mask")
