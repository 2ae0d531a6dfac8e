"""The response with the labels of an image."""

from typing import Any

from pydantic import Field

from pupila.stages.serve.responses import (
    NO_LOGITS,
    Batch,
    ExplainedResponse,
    ResponseFormat,
    ResponseReader,
    example_response,
)
from pupila.tasks.multilabel import LabelsPrediction


class LabelsResponse(ExplainedResponse):
    """The labels of one image: every class by itself is present or absent."""

    labels: list[str] = Field(
        description="classes whose probability reaches their threshold, in the order of the classes; "
        "empty: none of the classes"
    )
    confidence: float = Field(
        description="calibrated probability that the least certain class was decided correctly, 0..1"
    )
    probabilities: dict[str, float] = Field(
        description="calibrated probability of every class by itself, 0..1; they need not sum to one"
    )
    thresholds: dict[str, float] = Field(
        description="probability from which each class is among the labels, 0..1"
    )


def _fields(prediction: LabelsPrediction) -> dict[str, Any]:
    return {
        "labels": list(prediction.labels), "confidence": prediction.confidence,
        "probabilities": prediction.probabilities, "thresholds": prediction.thresholds,
        "abstained": prediction.abstained,
    }  # fmt: skip


def _class_names(prediction: LabelsPrediction) -> tuple[str, ...]:
    return prediction.labels


_EXAMPLE = example_response(
    labels=["sugar"], probabilities={"fat": 0.0269, "sugar": 0.9842}, thresholds={"fat": 0.5, "sugar": 0.41},
    explanation=None,
)  # fmt: skip
MULTILABEL = ResponseFormat(
    LabelsResponse, Batch[LabelsResponse], _fields, _EXAMPLE, class_names=_class_names
)


def _to_prediction(response: LabelsResponse) -> LabelsPrediction:
    return LabelsPrediction(
        tuple(response.labels), response.probabilities, response.confidence, response.abstained, NO_LOGITS,
        response.thresholds,
    )  # fmt: skip


MULTILABEL_READER = ResponseReader(LabelsResponse, Batch[LabelsResponse], _to_prediction)
