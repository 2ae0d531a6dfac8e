"""The HTTP responses of each task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.artifacts.predictions.rows import ImageError
from pupila.imaging.masks.codec import encode_png
from pupila.imaging.regions import to_rle
from pupila.tasks.classify import ClassPrediction
from pupila.tasks.segment import MaskPrediction

PNG = "image/png"
Model = TypeVar("Model")


class PredictionResponse(BaseModel):
    """The fields of every response."""

    confidence: float
    abstained: bool = Field(description="whether the model abstains because its confidence is too low")
    processing_time: float = Field(description="seconds from the complete request to the response")
    model_version: str = Field(description="hash of the bundle")
    request_id: str


class ClassResponse(PredictionResponse):
    """The class of one image."""

    prediction: str
    confidence: float = Field(description="calibrated probability of the prediction, 0..1")
    probabilities: dict[str, float] = Field(description="calibrated probability of every class")


class MaskResponse(PredictionResponse):
    """The classes of one image's pixels."""

    confidence: float = Field(
        description="mean over pixels of the calibrated probability of their class, 0..1"
    )
    height: int = Field(description="size of the upright image, pixels")
    width: int = Field(description="size of the upright image, pixels")
    shares: dict[str, float] = Field(description="share of the pixels of every class, 0..1")
    masks: dict[str, RunLengths] = Field(description="mask of every class")


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


class Item(BaseModel, Generic[Model]):
    """One image of a batch: a result or an error."""

    file: str
    result: Model | None = None
    error: ImageError | None = None


class Batch(BaseModel, Generic[Model]):
    """The results of a batch, in the order of the files."""

    items: list[Item[Model]]
    processing_time: float
    request_id: str


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """How one task's predictions become responses."""

    model: type[PredictionResponse]
    batch: type[Batch[Any]]
    fields: Callable[[Any], dict[str, Any]]  # the task's own part of the response
    to_png: Callable[[Any], bytes] | None = None  # the mask as a PNG, for clients that accept image/png first


def _class_fields(prediction: ClassPrediction) -> dict[str, Any]:
    return {
        "prediction": prediction.prediction, "confidence": prediction.confidence,
        "probabilities": prediction.probabilities,
        "abstained": prediction.abstained,
    }  # fmt: skip


def _mask_fields(prediction: MaskPrediction) -> dict[str, Any]:
    height, width = prediction.mask.shape
    return {
        "confidence": prediction.confidence, "abstained": prediction.abstained, "height": height, "width": width,
        "shares": prediction.shares,
        "masks": {name: to_rle(prediction.mask == index) for index, name in enumerate(prediction.shares)},
    }  # fmt: skip


def _to_png(prediction: MaskPrediction) -> bytes:
    return encode_png(prediction.mask, len(prediction.shares))


RESPONSE_FORMATS: dict[str, ResponseFormat] = {
    "classify": ResponseFormat(ClassResponse, Batch[ClassResponse], _class_fields),
    "segment": ResponseFormat(MaskResponse, Batch[MaskResponse], _mask_fields, _to_png),
}
