"""What the HTTP responses of all tasks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.artifacts.predictions.rows import ImageError
from pupila.core.messages import say
from pupila.imaging.regions import Array, from_rle
from pupila.stages.serve.explanations import Explanation

VERSION_HEADER = "x-model-version"  # of a response without JSON
NO_LOGITS = np.zeros(0, np.float32)  # of a prediction that came as a response, which has none
Model = TypeVar("Model")


class PredictionResponse(BaseModel):
    """The fields of every response; a figure that is not finite is an error, and never becomes JSON."""

    model_config = ConfigDict(allow_inf_nan=False)

    confidence: float
    abstained: bool = Field(description="whether the model abstains because its confidence is too low")
    processing_time: float = Field(description="seconds from the complete request to the response")
    model_version: str = Field(description="hash of the bundle")
    request_id: str


class ExplainedResponse(PredictionResponse):
    """The fields of every response about classes, with heat maps where a request says explain=true."""

    explanation: Explanation | None = Field(default=None, description="heat maps; null: explain was not true")


class Item(BaseModel, Generic[Model]):
    """One image of a batch: a result or an error."""

    file: str
    result: Model | None = None
    error: ImageError | None = None


class Batch(BaseModel, Generic[Model]):
    """The results of a batch, in the order of the files."""

    items: list[Item[Model]]
    processing_time: float
    model_version: str = Field(description="hash of the bundle")
    request_id: str


def decode_mask(runs: RunLengths, height: int, width: int) -> Array:
    """(height, width) bool of run lengths.

    Raises:
        ValueError: they are of another size, or do not fill it.
    """
    if list(runs.size) != [height, width]:
        raise ValueError(
            say("a mask of {mask_width} x {mask_height} pixels for an image of {width} x {height}",
                mask_width=runs.size[1], mask_height=runs.size[0], width=width, height=height)
        )  # fmt: skip
    return from_rle(runs.model_dump())


def example_response(**fields: Any) -> dict[str, Any]:
    """An example of a response with these fields of the task, for the documentation."""
    return {
        "confidence": 0.9731, "abstained": False, **fields, "processing_time": 0.0124,
        "model_version": "1f4c0f6b5f0c2a5d3c1c5ed8cdb5ad3f7f5ef6a4b2b8e1f0c4d9a7b6e5f4d3c2",
        "request_id": "8a6d0c4e5b7f4f3c9d2e1a0b9c8d7e6f",
    }  # fmt: skip


def example_batch(result: dict[str, Any]) -> dict[str, Any]:
    """An example of a batch: one result and one error."""
    error = {"code": "not-an-image", "reason": "not an image in a supported format"}
    items = [
        {"file": "a.jpg", "result": result, "error": None},
        {"file": "b.txt", "result": None, "error": error},
    ]
    return {
        "items": items,
        **{name: result[name] for name in ("processing_time", "model_version", "request_id")},
    }


def _no_boxes(prediction: Any) -> dict[str, Any]:
    raise AssertionError("boxes of a prediction without a mask")


def _no_class(prediction: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """How one task's predictions become responses."""

    model: type[PredictionResponse]
    batch: type[Batch[Any]]
    fields: Callable[[Any], dict[str, Any]]  # the task's own part of the response
    example: dict[str, Any]  # of a response
    to_png: Callable[[Any], bytes] | None = None  # the mask as a PNG, for clients that accept image/png first
    class_names: Callable[[Any], tuple[str, ...]] = _no_class  # of the whole image, which heat maps are for
    boxes: Callable[[Any], dict[str, Any]] = _no_boxes  # what boxes=true adds to a mask


@dataclass(frozen=True, slots=True)
class ResponseReader:
    """How a client reads one task's responses, the inverse of `ResponseFormat`."""

    model: type[PredictionResponse]
    batch: type[Batch[Any]] | None  # None: the task has no batches
    to_prediction: Callable[
        [Any], Any
    ]  # a response to the prediction of the task; ValueError: its masks are none
