"""The log of a service's predictions, `predictions.jsonl`: a line for each image."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.records import Record
from pupila.statistics.drift.observations import Observations

PREDICTIONS_FILE, IMAGES_FOLDER = "predictions.jsonl", "images"


class PredictionRecord(Record):
    """One predicted image of a request."""

    time: str = Field(description="when the prediction was ready, ISO 8601 in UTC")
    request_id: str
    item: int = Field(description="number of the image in its request, from 0")
    model_version: str = Field(description="hash of the bundle")
    image: str = Field(description="SHA-256 of the image file")
    width: int = Field(description="pixels of the upright image")
    height: int = Field(description="pixels of the upright image")
    group: str = Field(default="", description="of related images, as the client names it; empty: it names none")
    predicted: list[str] = Field(description="names of the predicted classes; of masks those with any pixels")
    outputs: dict[str, float] = Field(
        description="calibrated probability of each class; of masks its share of the pixels"
    )
    confidence: float
    abstained: bool
    brightness: float = Field(description="mean of the model's input, 0 black to 1 white")
    sharpness: float = Field(description="mean absolute difference of neighbouring pixels of the model's input")
    embedding: list[float] = Field(
        description="random projections of the embedding; empty: the bundle has no reference"
    )
    seconds: float = Field(description="from the complete request to the prediction")
    kept: str = Field(default="", description="path of the image file beside the log; empty: it was not stored")


@dataclass(slots=True)
class LogReading:
    """What was read of a log so far."""

    lines: int = 0
    damaged: int = 0  # lines that are no record
    dropped: int = 0  # records that the service could not write, as it says itself
    files: list[str] = field(default_factory=list)


def read_predictions(path: str | Path, reading: LogReading | None = None) -> Iterator[PredictionRecord]:
    """The records of a log with those of its rotated files, oldest first; damaged lines are counted and left out.

    Args:
        path: of `predictions.jsonl`, or of its folder.
        reading: what counts them.

    Raises:
        PupilaError: there is no log.
    """
    raise NotImplementedError


def observe_records(records: list[PredictionRecord], classes: list[str]) -> Observations:
    """What is monitored of the records, a row for each; NaN for classes that a record does not have."""
    projections = max((len(record.embedding) for record in records), default=0)
    nothing = [np.nan] * projections
    return Observations(
        np.array([record.confidence for record in records]),
        np.array([record.brightness for record in records]),
        np.array([record.sharpness for record in records]),
        np.array([record.embedding or nothing for record in records]).reshape(len(records), projections),
        np.array([[record.outputs.get(name, np.nan) for name in classes] for record in records]).reshape(
            len(records), len(classes)
        ),
    )
