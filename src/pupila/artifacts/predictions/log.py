"""The log of a service's predictions, `predictions.jsonl`: a line for each image."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ConfigDict, Field, ValidationError, field_validator

from pupila.core.disk import open_regular
from pupila.core.errors import PupilaError
from pupila.core.json_lines import list_rotated, read_dropped
from pupila.core.messages import say
from pupila.core.records import Record, RecordType
from pupila.statistics.drift.observations import LARGEST, Observations

PREDICTIONS_FILE, IMAGES_FOLDER = "predictions.jsonl", "images"
_LONGEST = 2_000_000  # bytes of a line


class PredictionRecord(Record):
    """One predicted image of a request; its numbers are finite."""

    model_config = ConfigDict(allow_inf_nan=False)

    time: str = Field(description="when the prediction was ready, ISO 8601 in UTC")
    request_id: str
    item: int = Field(description="number of the image in its request, from 0")
    model_version: str = Field(description="hash of the bundle")
    image: str = Field(description="SHA-256 of the image file")
    width: int = Field(description="pixels of the upright image")
    height: int = Field(description="pixels of the upright image")
    group: str = Field(
        default="", description="of related images, as the client names it; empty: it names none"
    )
    predicted: list[str] = Field(description="names of the predicted classes; of masks those with any pixels")
    outputs: dict[str, float] = Field(
        description="calibrated probability of each class; of masks its share of the pixels"
    )
    confidence: float
    abstained: bool
    brightness: float | None = Field(
        description="mean of the model's input, 0 black to 1 white; null: of a promptable model"
    )
    sharpness: float | None = Field(
        description="mean absolute difference of neighbouring pixels of the model's input; null: as brightness"
    )
    embedding: list[float] = Field(
        description="random projections of the embedding; empty: the bundle has no reference"
    )
    seconds: float = Field(description="from the complete request to the prediction")
    file: str = Field(
        default="", description="path of the image file beside the log; empty: it was not stored"
    )

    @field_validator("time")
    @classmethod
    def _check_time(cls, time: str) -> str:
        if datetime.fromisoformat(time).tzinfo is None:
            raise ValueError(time)
        return time


@dataclass(slots=True)
class LogReading:
    """What was read of a log so far."""

    lines: int = 0
    damaged: int = 0  # lines that are no record
    dropped: int = 0  # records that the service could not write, as it says itself


def read_predictions(path: str | Path, reading: LogReading | None = None) -> Iterator[PredictionRecord]:
    """The records of a log with those of its rotated files, oldest first; damaged lines are counted and left out.

    Args:
        path: of `predictions.jsonl`, or of its folder.
        reading: what counts them.

    Raises:
        PupilaError: there is no log.
    """
    return read_json_lines(find_log(path, PREDICTIONS_FILE), PredictionRecord, reading or LogReading())


def find_log(path: str | Path, name: str) -> Path:
    """The file of a log.

    Args:
        path: of the file, or of its folder.
        name: of the file in that folder.

    Raises:
        PupilaError: there is none.
    """
    file = Path(path) / name if Path(path).is_dir() else Path(path)
    if not any(own.is_file() for own in list_rotated(file)):
        raise PupilaError(
            say("No log in {path}", path=path), actual=say("no {name}", name=file.name),
            expected=say("the folder of the logs of a service"),
            remedy="pupila serve BUNDLE --log-predictions FOLDER",
        )  # fmt: skip
    return file


def read_json_lines(path: Path, model: type[RecordType], reading: LogReading) -> Iterator[RecordType]:
    """The records of a log that may be written and rotated meanwhile: those of its files at the start.

    Args:
        path: of the latest file.
        model: of the records.
        reading: what counts them.
    """
    with contextlib.ExitStack() as opened:
        streams, inodes = [], set()
        for file in list_rotated(path):
            with contextlib.suppress(OSError):  # it is gone, or no regular file
                stream = opened.enter_context(open_regular(str(file)))
                status = os.fstat(stream.fileno())
                if (status.st_dev, status.st_ino) not in inodes:  # else it was rotated since the one before
                    streams.append((stream, status.st_size))
                inodes.add((status.st_dev, status.st_ino))
        for stream, size in reversed(streams):
            while stream.tell() < size and (line := stream.readline(_LONGEST)):
                if line.endswith(b"\n"):
                    yield from _parse_line(line, model, reading)
                elif len(line) == _LONGEST:
                    reading.damaged += 1
                    _skip_line(stream)


def _skip_line(stream: BinaryIO) -> None:
    """Read to the end of the line, whatever its length."""
    while (rest := stream.readline(_LONGEST)) and not rest.endswith(b"\n"):
        pass


def _parse_line(line: bytes, model: type[RecordType], reading: LogReading) -> Iterator[RecordType]:
    reading.lines += 1
    try:
        yield model.model_validate_json(line)
    except ValidationError:
        dropped = read_dropped(line)
        reading.dropped += dropped
        reading.damaged += not dropped


def observe_records(records: list[PredictionRecord], classes: list[str]) -> Observations:
    """What is monitored of the records, a row for each; NaN for classes that a record does not have.

    Values that no service writes are limited: a probability to 0..1, others to 32 bits.
    """
    projections = max((len(record.embedding) for record in records), default=0)
    nothing = [np.nan] * projections
    outputs = np.array([[record.outputs.get(name, np.nan) for name in classes] for record in records])
    embedding = np.array([record.embedding or nothing for record in records])
    return Observations(
        np.array([record.confidence for record in records]).clip(0, 1),
        np.array([record.brightness for record in records], dtype=np.float64).clip(-LARGEST, LARGEST),
        np.array([record.sharpness for record in records], dtype=np.float64).clip(-LARGEST, LARGEST),
        embedding.reshape(len(records), projections).clip(-LARGEST, LARGEST),
        outputs.reshape(len(records), len(classes)).clip(0, 1),
    )
