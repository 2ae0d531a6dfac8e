"""Tables of predicted labels, several for each image."""

import json
from collections.abc import Sequence

from pydantic import Field

from pupila.artifacts.predictions.classify import logit_column, probability_column
from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.artifacts.predictions.rows import PredictionRow
from pupila.core.messages import say

LABELS = "labels"  # names of the predicted classes, as a JSON list


class LabelsRow(PredictionRow):
    """The predicted labels of an image."""

    labels: list[str] = Field(description="names of the predicted classes")
    confidence: float = Field(
        description="calibrated probability that the least certain class was decided correctly, 0..1"
    )
    abstained: bool = Field(description="whether the confidence is below the abstention threshold")
    probabilities: dict[str, float] = Field(
        description="calibrated probability of every class by itself; they need not sum to one"
    )


def write_predicted_labels(names: Sequence[str]) -> str:
    """The cell of the column `labels`."""
    return json.dumps(list(names), ensure_ascii=False)


def _written(classes: Sequence[str]) -> list[str]:
    return [IMAGE, LABELS, CONFIDENCE, ABSTAINED, ERROR, *map(probability_column, classes)]


def _readable(there: Sequence[str], classes: Sequence[str]) -> list[str]:
    probabilities = [probability_column(name) for name in classes]
    if LABELS in there or all(name in there for name in probabilities):
        return [name for name in (LABELS, *probabilities) if name in there]
    return list(classes) if all(name in there for name in classes) else []


def _describe_columns() -> str:
    return say(
        "columns image and labels (a JSON list), or image and p:CLASS for every class, or image and a column of 1 and "
        "0 for every class"
    )  # fmt: skip


def _out_of_fold(classes: Sequence[str]) -> list[str]:
    return [LABELS, *map(logit_column, classes)]


MULTILABEL = PredictionColumns(_written, _readable, _describe_columns, _out_of_fold)
