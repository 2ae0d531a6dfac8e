"""Tables of predicted classes."""

from collections.abc import Sequence

from pydantic import Field

from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.artifacts.predictions.rows import PredictionRow
from pupila.core.messages import say

PREDICTION = "prediction"  # name of the predicted class


class ClassRow(PredictionRow):
    """The predicted class of an image."""

    prediction: str = Field(description="name of the predicted class")
    confidence: float = Field(description="calibrated probability of the prediction, 0..1")
    abstained: bool = Field(description="whether the confidence is below the abstention threshold")
    probabilities: dict[str, float] = Field(description="calibrated probability of every class")


def probability_column(name: str) -> str:
    """The column with the calibrated probability of a class, 0..1."""
    return f"p:{name}"


def logit_column(name: str) -> str:
    """The column with the logit of a class, before calibration."""
    return f"logit:{name}"


def _written(classes: Sequence[str]) -> list[str]:
    return [IMAGE, PREDICTION, CONFIDENCE, ABSTAINED, ERROR, *map(probability_column, classes)]


def _readable(there: Sequence[str], classes: Sequence[str]) -> list[str]:
    probabilities = [probability_column(name) for name in classes]
    if PREDICTION not in there and not all(name in there for name in probabilities):
        return []
    return [name for name in (PREDICTION, *probabilities) if name in there]


def _describe_columns() -> str:
    return say("columns image and prediction, or image and p:CLASS for every class")


def _out_of_fold(classes: Sequence[str]) -> list[str]:
    return [PREDICTION, *map(logit_column, classes)]


CLASSIFY = PredictionColumns(_written, _readable, _describe_columns, _out_of_fold)
