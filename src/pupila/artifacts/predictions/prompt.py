"""Tables of masks that were predicted for prompts."""

from collections.abc import Sequence

from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.artifacts.predictions.segment import HEIGHT, MASK, WIDTH, expect_masks, readable_masks
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES

PREDICTED_IOU = "predicted_iou"
MASK_FIGURES = ("share", "pixels", "regions")


def iou_column(strategy: str) -> str:
    """The column with the mean IoU of an image's classes for one prompt strategy."""
    return f"iou:{strategy}"


def _written(_: Sequence[str]) -> list[str]:
    return [IMAGE, MASK, WIDTH, HEIGHT, PREDICTED_IOU, CONFIDENCE, ABSTAINED, ERROR, *MASK_FIGURES]


def _out_of_fold(_: Sequence[str]) -> list[str]:
    return [iou_column(strategy.name) for strategy in PROMPT_STRATEGIES]


PROMPT = PredictionColumns(_written, readable_masks, expect_masks, _out_of_fold)
