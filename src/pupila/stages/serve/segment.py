"""The response with the mask of an image."""

from typing import Any

from pydantic import Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.imaging.masks.codec import encode_palette_png
from pupila.imaging.regions import to_rle
from pupila.stages.serve.responses import Batch, PredictionResponse, ResponseFormat
from pupila.tasks.segment import MaskPrediction


class MaskResponse(PredictionResponse):
    """The classes of one image's pixels."""

    confidence: float = Field(
        description="mean over pixels of the calibrated probability of their class, 0..1"
    )
    height: int = Field(description="size of the upright image, pixels")
    width: int = Field(description="size of the upright image, pixels")
    shares: dict[str, float] = Field(description="share of the pixels of every class, 0..1")
    masks: dict[str, RunLengths] = Field(description="mask of every class")


def _mask_fields(prediction: MaskPrediction) -> dict[str, Any]:
    height, width = prediction.mask.shape
    return {
        "confidence": prediction.confidence, "abstained": prediction.abstained, "height": height, "width": width,
        "shares": prediction.shares,
        "masks": {name: to_rle(prediction.mask == index) for index, name in enumerate(prediction.shares)},
    }  # fmt: skip


def _to_png(prediction: MaskPrediction) -> bytes:
    return encode_palette_png(prediction.mask, len(prediction.shares))


SEGMENT = ResponseFormat(MaskResponse, Batch[MaskResponse], _mask_fields, _to_png)
