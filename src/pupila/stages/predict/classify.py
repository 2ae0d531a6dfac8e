"""Predicted classes as rows."""

from collections.abc import Iterable, Iterator

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.classify import probability_column
from pupila.core.messages import percent, say
from pupila.imaging.images.decode import ImageFault
from pupila.stages.predict.rows import Output, Row, TaskPredictor, error_row
from pupila.tasks.classify import ClassPrediction


def _rows(predictor: Predictor, uris: Iterable[str], _: Output) -> Iterator[Row]:
    for uri, prediction in predictor.stream(uris):
        yield error_row(uri, prediction) if isinstance(prediction, ImageFault) else _row(uri, prediction)


def _row(uri: str, prediction: ClassPrediction) -> Row:
    return {
        "image": uri, "prediction": prediction.prediction, "confidence": round(prediction.confidence, 6),
        "abstained": prediction.abstained,
        "probabilities": {k: round(v, 6) for k, v in prediction.probabilities.items()},
    }  # fmt: skip


def _cells(row: Row, _: str) -> Row:
    return {**row, **{probability_column(name): share for name, share in row["probabilities"].items()}}


def _summarize(row: Row) -> str:
    values = {"prediction": row["prediction"], "confidence": percent(row["confidence"])}
    if row["abstained"]:
        return say("{prediction} ({confidence}, abstained)", **values)
    return say("{prediction} ({confidence})", **values)


CLASSIFY = TaskPredictor(Predictor, _rows, _cells, _summarize)
