"""The response with the mask for a prompt."""

from pydantic import Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.stages.serve.responses import PredictionResponse


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
