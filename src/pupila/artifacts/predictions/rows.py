"""Predictions as rows: what a line of `pupila predict --json` holds, whatever the task."""

from pydantic import Field

from pupila.core.json_text import dump_json
from pupila.core.records import Record


class PredictionRow(Record):
    """One image; each task adds its prediction."""

    image: str = Field(description="path or URI of the image")

    def json_line(self) -> str:
        """The row as a line of JSON."""
        return dump_json(self.model_dump(mode="json", exclude_none=True))


class ImageError(Record):
    """Why there is no prediction."""

    code: str = Field(description="kind of the fault, such as unreadable or bad-prompt")
    reason: str = Field(description="the fault in words")


class FailedRow(PredictionRow):
    """An image without a prediction."""

    error: ImageError
