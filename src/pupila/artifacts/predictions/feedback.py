"""What people say of predictions, `feedback.jsonl`: a line for each statement."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pupila.artifacts.predictions.log import LogReading, find_log, read_json_lines
from pupila.artifacts.predictions.prompt import RunLengths
from pupila.core.errors import PupilaError
from pupila.core.records import Record

FEEDBACK_FILE = "feedback.jsonl"
Label = (
    str | list[str] | dict[str, RunLengths]
)  # of one image: its class, its classes, or the mask of each class


class FeedbackRecord(Record):
    """What somebody says of one prediction; a later one of the same image, token and person replaces it."""

    time: str = Field(description="ISO 8601 in UTC")
    request_id: str = Field(description="of the prediction")
    item: int = Field(default=0, description="number of the image in its request, from 0")
    correct: bool | None = Field(
        default=None, description="whether the prediction is; null: only a label is given"
    )
    label: Label | None = Field(
        default=None, description="the true class, classes, or mask of each class; null: none is given"
    )
    who: str = Field(description="who says so, as the client names them; else the id of the token")
    token: str = Field(default="", description="id; empty: the service needs none")


def read_feedback(folder: str | Path, reading: LogReading | None = None) -> Iterator[FeedbackRecord]:
    """The records of a service's feedback, with those of its rotated files, oldest first; none where there are none.

    Args:
        folder: of the log.
        reading: what counts damaged lines, which are left out.
    """
    try:
        file = find_log(folder, FEEDBACK_FILE)
    except PupilaError:
        return
    yield from read_json_lines(file, FeedbackRecord, reading or LogReading())
