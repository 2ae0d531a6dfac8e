"""Predicted classes as rows."""

from collections.abc import Iterable, Iterator

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.classify import ClassRow
from pupila.artifacts.predictions.rows import FailedRow
from pupila.stages.predict.probabilities import DIGITS, probability_cells, round_probabilities, stream_rows
from pupila.stages.predict.rows import Cells, Output, TaskPredictor
from pupila.tasks.classify import ClassPrediction, describe_class


def _rows(predictor: Predictor, uris: Iterable[str], _: Output) -> Iterator[ClassRow | FailedRow]:
    return stream_rows(predictor, uris, _row)


def _row(uri: str, prediction: ClassPrediction) -> ClassRow:
    return ClassRow(
        image=uri,
        prediction=prediction.prediction,
        confidence=round(prediction.confidence, DIGITS),
        abstained=prediction.abstained,
        probabilities=round_probabilities(prediction.probabilities),
    )


def _cells(row: ClassRow, _: str) -> Cells:
    return {**dict(row), **probability_cells(row.probabilities)}


def _summarize(row: ClassRow) -> str:
    return describe_class(row.prediction, row.confidence, row.abstained)


def _class_names(row: ClassRow) -> tuple[str, ...]:
    return (row.prediction,)


CLASSIFY = TaskPredictor(Predictor, _rows, _cells, _summarize, _class_names)
