"""Predicted classes as rows."""

from collections.abc import Iterable, Iterator

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.classify import ClassRow, probability_column
from pupila.artifacts.predictions.rows import FailedRow
from pupila.imaging.images.decode import ImageFault
from pupila.stages.predict.rows import Cells, Output, TaskPredictor, error_row
from pupila.tasks.classify import ClassPrediction, describe_class


def _rows(predictor: Predictor, uris: Iterable[str], _: Output) -> Iterator[ClassRow | FailedRow]:
    for uri, prediction in predictor.stream(uris):
        yield error_row(uri, prediction) if isinstance(prediction, ImageFault) else _row(uri, prediction)


def _row(uri: str, prediction: ClassPrediction) -> ClassRow:
    return ClassRow(
        image=uri,
        prediction=prediction.prediction,
        confidence=round(prediction.confidence, 6),
        abstained=prediction.abstained,
        probabilities={name: round(share, 6) for name, share in prediction.probabilities.items()},
    )


def _cells(row: ClassRow, _: str) -> Cells:
    return {**dict(row), **{probability_column(name): share for name, share in row.probabilities.items()}}


def _summarize(row: ClassRow) -> str:
    return describe_class(row.prediction, row.confidence, row.abstained)


CLASSIFY = TaskPredictor(Predictor, _rows, _cells, _summarize)
