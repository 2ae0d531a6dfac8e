"""Rows with a probability for every class of the whole image: what tasks without masks share."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.classify import probability_column
from pupila.artifacts.predictions.rows import FailedRow, PredictionRow
from pupila.imaging.images.decode import ImageFault
from pupila.stages.predict.rows import Cells, error_row

DIGITS = 6  # decimals of a probability
Row = TypeVar("Row", bound=PredictionRow)


def stream_rows(
    predictor: Predictor, uris: Iterable[str], row: Callable[[str, Any], Row]
) -> Iterator[Row | FailedRow]:
    """The rows of the images, in order.

    Args:
        predictor: of the bundle.
        uris: of the images.
        row: from an address and its prediction.
    """
    for uri, prediction in predictor.stream(uris):
        yield error_row(uri, prediction) if isinstance(prediction, ImageFault) else row(uri, prediction)


def round_probabilities(probabilities: dict[str, float]) -> dict[str, float]:
    """The probabilities of the classes, as rows have them."""
    return {name: round(share, DIGITS) for name, share in probabilities.items()}


def probability_cells(probabilities: dict[str, float]) -> Cells:
    """The probabilities of the classes by column."""
    return {probability_column(name): share for name, share in probabilities.items()}
