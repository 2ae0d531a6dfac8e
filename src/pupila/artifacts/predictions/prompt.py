"""Tables of masks that were predicted for prompts."""

from collections.abc import Sequence

from pydantic import Field, StrictInt

from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.artifacts.predictions.rows import PredictionRow
from pupila.artifacts.predictions.segment import HEIGHT, MASK, WIDTH, expect_masks, readable_masks
from pupila.core.records import Record
from pupila.tasks.prompt_strategies import PROMPT_STRATEGIES

PREDICTED_IOU = "predicted_iou"
MASK_FIGURES = ("share", "pixels", "regions")


class RunLengths(Record):
    """A mask in COCO's compressed run lengths."""

    size: tuple[StrictInt, StrictInt] = Field(description="height and width, pixels")
    counts: str


class PromptRow(PredictionRow):
    """The predicted mask for the prompt."""

    width: int = Field(description="pixels of the upright image")
    height: int = Field(description="pixels of the upright image")
    predicted_iou: float = Field(description="IoU that the model predicts for its mask, 0..1")
    confidence: float = Field(description="mean calibrated probability of the predicted label over the cells")
    abstained: bool = Field(description="whether the predicted IoU is below the abstention threshold")
    share: float = Field(description="of the pixels with data, 0..1")
    pixels: int = Field(description="pixels of the mask")
    regions: int = Field(description="number of connected regions")
    mask: str | RunLengths = Field(description="path of the mask's file; without a folder the mask itself")
    overlay: str | None = Field(default=None, description="path of the image with its mask")


def iou_column(strategy: str) -> str:
    """The column with the mean IoU of an image's classes for one prompt strategy."""
    return f"iou:{strategy}"


def _written(_: Sequence[str]) -> list[str]:
    return [IMAGE, MASK, WIDTH, HEIGHT, PREDICTED_IOU, CONFIDENCE, ABSTAINED, ERROR, *MASK_FIGURES]


def _out_of_fold(_: Sequence[str]) -> list[str]:
    return [iou_column(strategy.name) for strategy in PROMPT_STRATEGIES]


PROMPT = PredictionColumns(_written, readable_masks, expect_masks, _out_of_fold)
