"""The response with the mask for a prompt."""

import numpy as np
from pydantic import Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.stages.serve.responses import PredictionResponse, ResponseReader, decode_mask, example_response
from pupila.tasks.prompt import PromptPrediction


class PromptResponse(PredictionResponse):
    """The mask for a prompt in one image."""

    abstained: bool = Field(description="whether the model abstains because its predicted IoU is too low")
    confidence: float = Field(
        description="mean over the decoder's cells of the calibrated probability of the predicted label, 0..1"
    )
    image_id: str = Field(
        description="SHA-256 of the image's bytes; send it instead of the image for further prompts"
    )
    height: int = Field(description="size of the upright image, pixels")
    width: int = Field(description="size of the upright image, pixels")
    predicted_iou: float = Field(description="IoU that the model predicts for its mask, 0..1")
    share: float = Field(description="share of the pixels with data, 0..1")
    mask: RunLengths
    encoded: bool = Field(description="whether the image was encoded for this request (not cached)")


EXAMPLE = example_response(
    image_id="c394916d0f6b5f0c2a5d3c1c5ed8cdb5ad3f7f5ef6a4b2b8e1f0c4d9a7b6e5f4", height=2, width=4,
    predicted_iou=0.91, share=0.25, mask={"size": [2, 4], "counts": "62"}, encoded=True,
)  # fmt: skip


def _to_prediction(response: PromptResponse) -> PromptPrediction:
    mask = decode_mask(response.mask, response.height, response.width).astype(np.uint8)
    return PromptPrediction(
        mask, response.predicted_iou, response.share, response.confidence, response.abstained
    )


PROMPT_READER = ResponseReader(PromptResponse, None, _to_prediction)
