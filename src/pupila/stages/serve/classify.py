"""The response with the class of an image."""

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
from pupila.tasks.classify import ClassPrediction


class ClassResponse(ExplainedResponse):
    """The class of one image."""

    prediction: str
    confidence: float = Field(description="calibrated probability of the prediction, 0..1")
    probabilities: dict[str, float] = Field(description="calibrated probability of every class")


def _class_fields(prediction: ClassPrediction) -> dict[str, Any]:
    return {
        "prediction": prediction.prediction, "confidence": prediction.confidence,
        "probabilities": prediction.probabilities,
        "abstained": prediction.abstained,
    }  # fmt: skip


def _class_names(prediction: ClassPrediction) -> tuple[str, ...]:
    return (prediction.prediction,)


_EXAMPLE = example_response(
    prediction="bees", probabilities={"ants": 0.0269, "bees": 0.9731}, explanation=None
)
CLASSIFY = ResponseFormat(
    ClassResponse, Batch[ClassResponse], _class_fields, _EXAMPLE, class_names=_class_names
)


def _to_prediction(response: ClassResponse) -> ClassPrediction:
    return ClassPrediction(
        response.prediction, response.confidence, response.probabilities, response.abstained, NO_LOGITS
    )


CLASSIFY_READER = ResponseReader(ClassResponse, Batch[ClassResponse], _to_prediction)
