"""What people say of predictions, `feedback.jsonl`: a line for each statement."""

from pydantic import Field

from pupila.artifacts.predictions.prompt import RunLengths
from pupila.core.records import Record

FEEDBACK_FILE = "feedback.jsonl"


class FeedbackRecord(Record):
    """What somebody says of one prediction; a later record of the same image and person replaces an earlier one."""

    time: str = Field(description="ISO 8601 in UTC")
    request_id: str = Field(description="of the prediction")
    item: int = Field(default=0, description="number of the image in its request, from 0")
    correct: bool | None = Field(
        default=None, description="whether the prediction is; null: only a label is given"
    )
    label: str | list[str] | dict[str, RunLengths] | None = Field(
        default=None, description="the true class, classes, or mask of each class; null: none is given"
    )
    who: str = Field(description="who says so, as the client names them; else the id of the token")
    token: str = Field(default="", description="id; empty: the service needs none")
