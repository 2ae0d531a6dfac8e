"""The response with the mask of an image."""

from typing import Any

import numpy as np
from pydantic import Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.core.messages import say
from pupila.core.vocabulary import IGNORE
from pupila.imaging.boxes import Box, find_boxes
from pupila.imaging.masks.codec import encode_palette_png
from pupila.imaging.regions import to_rle
from pupila.stages.serve.responses import (
    Batch,
    PredictionResponse,
    ResponseFormat,
    ResponseReader,
    decode_mask,
    example_response,
)
from pupila.tasks.segment import MaskPrediction, foreground_classes

_MOST_BOXES = 1000  # of a class: a noisy mask has millions of regions


class MaskResponse(PredictionResponse):
    """The classes of one image's pixels."""

    confidence: float = Field(
        description="mean over pixels of the calibrated probability of their class, 0..1"
    )
    height: int = Field(description="size of the upright image, pixels")
    width: int = Field(description="size of the upright image, pixels")
    shares: dict[str, float] = Field(description="share of the pixels of every class, 0..1")
    masks: dict[str, RunLengths] = Field(description="mask of every class")
    boxes: dict[str, list[Box]] | None = Field(
        default=None,
        description="left, top, right, bottom of the connected regions of every class but the background, pixels, "
        f"the largest {_MOST_BOXES:,}, largest first; null: boxes was not true",
    )


def _mask_fields(prediction: MaskPrediction) -> dict[str, Any]:
    height, width = prediction.mask.shape
    return {
        "confidence": prediction.confidence, "abstained": prediction.abstained, "height": height, "width": width,
        "shares": prediction.shares,
        "masks": {name: to_rle(prediction.mask == index) for index, name in enumerate(prediction.shares)},
    }  # fmt: skip


def _boxes(prediction: MaskPrediction) -> dict[str, Any]:
    boxes = find_boxes(prediction.mask, _MOST_BOXES)
    names = foreground_classes(list(prediction.shares))
    return {"boxes": {name: boxes.get(index, []) for index, name in names.items()}}


def _to_png(prediction: MaskPrediction) -> bytes:
    return encode_palette_png(prediction.mask, len(prediction.shares))


_EXAMPLE = example_response(
    height=2, width=4, shares={"background": 0.75, "leaf": 0.25},
    masks={"background": {"size": [2, 4], "counts": "06"}, "leaf": {"size": [2, 4], "counts": "62"}},
    boxes={"leaf": [[3, 0, 4, 2]]},
)  # fmt: skip
SEGMENT = ResponseFormat(MaskResponse, Batch[MaskResponse], _mask_fields, _EXAMPLE, _to_png, boxes=_boxes)


def _to_prediction(response: MaskResponse) -> MaskPrediction:
    if len(response.shares) > IGNORE:
        raise ValueError(say("more classes than {n}", n=IGNORE))
    if response.masks.keys() != response.shares.keys():
        raise ValueError(say("masks of other classes than the shares"))
    mask = np.full((response.height, response.width), IGNORE, np.uint8)
    for index, name in enumerate(response.shares):
        mask[decode_mask(response.masks[name], response.height, response.width)] = index
    return MaskPrediction(mask, response.shares, response.confidence, response.abstained)


SEGMENT_READER = ResponseReader(MaskResponse, Batch[MaskResponse], _to_prediction)
