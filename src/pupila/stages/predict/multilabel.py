"""Predicted labels as rows, several for each image."""

from collections.abc import Iterable, Iterator

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.multilabel import LABELS, LabelsRow, write_predicted_labels
from pupila.artifacts.predictions.rows import FailedRow
from pupila.stages.predict.probabilities import DIGITS, probability_cells, round_probabilities, stream_rows
from pupila.stages.predict.rows import Cells, Output, TaskPredictor
from pupila.tasks.multilabel import LabelsPrediction, describe_predicted_labels, names_to_count


def _rows(predictor: Predictor, uris: Iterable[str], _: Output) -> Iterator[LabelsRow | FailedRow]:
    return stream_rows(predictor, uris, _row)


def _row(uri: str, prediction: LabelsPrediction) -> LabelsRow:
    return LabelsRow(
        image=uri,
        labels=list(prediction.labels),
        confidence=round(prediction.confidence, DIGITS),
        abstained=prediction.abstained,
        probabilities=round_probabilities(prediction.probabilities),
    )


def _cells(row: LabelsRow, _: str) -> Cells:
    return {**dict(row), LABELS: write_predicted_labels(row.labels), **probability_cells(row.probabilities)}


def _summarize(row: LabelsRow) -> str:
    return describe_predicted_labels(tuple(row.labels), row.probabilities, row.abstained)


def _class_names(row: LabelsRow) -> tuple[str, ...]:
    return names_to_count(row.labels)


MULTILABEL = TaskPredictor(Predictor, _rows, _cells, _summarize, _class_names)
