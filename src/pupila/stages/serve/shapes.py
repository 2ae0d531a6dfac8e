"""What the answers of each task look like over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from pupila.imaging.masks.codec import as_png
from pupila.imaging.regions import to_rle
from pupila.tasks.classify import Answer
from pupila.tasks.segment import MaskAnswer

PNG = "image/png"
Model = TypeVar("Model")


class Answered(BaseModel):
    """What every answer says."""

    confidence: float
    abstained: bool = Field(description="whether the model is too unsure for the answer to count")
    processing_time: float = Field(description="seconds from the whole request's arrival to the answer")
    model_version: str = Field(description="hash of the bundle")
    request_id: str


class ClassAnswered(Answered):
    """The class of one image."""

    prediction: str
    confidence: float = Field(description="calibrated probability of the prediction, 0..1")
    probabilities: dict[str, float] = Field(description="calibrated, of every class")


class RunLengths(BaseModel):
    """COCO's compressed run lengths."""

    size: tuple[int, int] = Field(description="height and width, pixels")
    counts: str


class MaskAnswered(Answered):
    """The classes of one image's pixels."""

    confidence: float = Field(
        description="mean over pixels of the calibrated probability of their class, 0..1"
    )
    height: int = Field(description="of the upright image, pixels")
    width: int = Field(description="of the upright image, pixels")
    shares: dict[str, float] = Field(description="of the pixels, of every class")
    masks: dict[str, RunLengths] = Field(description="where each class is")


class PromptAnswered(Answered):
    """What was meant in one image."""

    abstained: bool = Field(description="whether the quality is too low for the answer to count")
    confidence: float = Field(
        description="mean over the decoder's cells of the calibrated probability of what they were answered"
    )
    image_id: str = Field(description="SHA-256 of the image's bytes, which asks again without sending it")
    height: int = Field(description="of the upright image, pixels")
    width: int = Field(description="of the upright image, pixels")
    quality: float = Field(description="IoU with the truth that the model expects, 0..1")
    share: float = Field(description="of the pixels that have data")
    mask: RunLengths
    encoded: bool = Field(description="whether the image had to be encoded for this request")


class Failed(BaseModel):
    """Why an image could not be answered."""

    error: str
    code: str


class Item(BaseModel, Generic[Model]):
    """One image of a batch: an answer or an error."""

    file: str
    answer: Model | None = None
    failure: Failed | None = None


class Batch(BaseModel, Generic[Model]):
    """The answers of a batch, in the order of the files."""

    items: list[Item[Model]]
    processing_time: float
    request_id: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How one task's answers are told."""

    model: type[Answered]
    batch: type[Batch[Any]]
    fields: Callable[[Any], dict[str, Any]]  # the answer's own part of the model
    picture: Callable[[Any], bytes] | None = (
        None  # the answer as a PNG, for those who accept nothing else first
    )


def _class_fields(answer: Answer) -> dict[str, Any]:
    return {
        "prediction": answer.prediction, "confidence": answer.confidence, "probabilities": answer.probabilities,
        "abstained": answer.abstained,
    }  # fmt: skip


def _mask_fields(answer: MaskAnswer) -> dict[str, Any]:
    height, width = answer.mask.shape
    return {
        "confidence": answer.confidence, "abstained": answer.abstained, "height": height, "width": width,
        "shares": answer.shares,
        "masks": {name: to_rle(answer.mask == index) for index, name in enumerate(answer.shares)},
    }  # fmt: skip


def _png(answer: MaskAnswer) -> bytes:
    return as_png(answer.mask, len(answer.shares))


SHAPES: dict[str, Shape] = {
    "classify": Shape(ClassAnswered, Batch[ClassAnswered], _class_fields),
    "segment": Shape(MaskAnswered, Batch[MaskAnswered], _mask_fields, _png),
}
