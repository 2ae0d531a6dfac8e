"""The responses of Roboflow's inference protocol, told apart by their form."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.task import Target


@dataclass(frozen=True, slots=True)
class EmptyResponse:
    """Nothing was detected; models of all types respond so."""

    by_classifier: bool


@dataclass(frozen=True, slots=True)
class ClassResponse:
    """A confidence for each class."""

    confidences: dict[str, float]
    targets: tuple[Target, ...]  # that it can label; the first is that of unlabelled data
    predicted: frozenset[str] | None = None  # classes that the model decided for; None: not told


@dataclass(frozen=True, slots=True)
class Outline:
    """One instance."""

    label: str
    confidence: float
    points: list[tuple[float, float]]  # x, y in pixels of the image that was sent


@dataclass(frozen=True, slots=True)
class OutlineResponse:
    """The outlines of instances."""

    outlines: list[Outline]
    width: float  # of the image that was sent, pixels
    height: float


@dataclass(frozen=True, slots=True)
class PixelResponse:
    """A mask of class numbers."""

    png: bytes
    names: dict[int, str]


@dataclass(frozen=True, slots=True)
class BoxResponse:
    """Boxes, which are no labels."""


Response = EmptyResponse | ClassResponse | OutlineResponse | PixelResponse | BoxResponse


def parse_response(text: str) -> Response:
    """The response to one image.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is none of these.
    """
    body = json.loads(text)
    if isinstance(body, list):  # of a batch of one
        (body,) = body
    predictions = body.get("predictions", body)
    if isinstance(predictions, dict):
        if "segmentation_mask" in predictions:
            return _parse_pixels(predictions)
        if not predictions:
            raise ValueError("predictions")
        return _parse_classes(predictions, body.get("predicted_classes"))
    if not predictions:
        return EmptyResponse("top" in body)
    if "top" not in body and all("points" in item for item in predictions):
        outlines = [_parse_outline(item) for item in predictions]
        return OutlineResponse(outlines, float(body["image"]["width"]), float(body["image"]["height"]))
    if any("width" in item for item in predictions):
        return BoxResponse()
    confidences = {str(item["class"]): float(item["confidence"]) for item in predictions}
    return ClassResponse(confidences, (CLASSIFY.target,))


def _parse_classes(predictions: Any, predicted: Any) -> ClassResponse:
    """The classes of a model that decides for each by itself; data with one class take the most probable."""
    confidences = {str(name): float(item["confidence"]) for name, item in predictions.items()}
    if predicted is not None and not (isinstance(predicted, list) and set(predicted) <= set(confidences)):
        raise ValueError("predicted_classes")
    named = None if predicted is None else frozenset(predicted)
    return ClassResponse(confidences, (MULTILABEL.target, CLASSIFY.target), named)


def _parse_pixels(item: Any) -> PixelResponse:
    png = base64.b64decode(item["segmentation_mask"].rpartition(",")[2])
    return PixelResponse(png, {int(number): str(name) for number, name in item["class_map"].items()})


def _parse_outline(item: Any) -> Outline:
    points = [(float(point["x"]), float(point["y"])) for point in item["points"]]
    return Outline(str(item["class"]), float(item["confidence"]), points)
