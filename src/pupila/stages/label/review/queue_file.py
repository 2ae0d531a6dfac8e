"""`queue.json`: the images of a service that a person reviews, and why each was chosen."""

from typing import Literal

from pydantic import Field

from pupila.core.messages import say
from pupila.core.records import Record, read_record
from pupila.statistics.estimate import Estimate

QUEUE_SCHEMA: Literal[1] = 1
QueuePart = Literal["random", "uncertain", "drifted", "corrected"]
PARTS: tuple[QueuePart, ...] = ("random", "uncertain", "drifted", "corrected")


class Proposal(Record):
    """Feedback on an image, which a person decides about."""

    who: str = Field(description="who gave it; empty: unknown")
    correct: bool | None = Field(description="whether the prediction is correct; null: only a label is given")
    label: str | None = Field(description="target; null: none is given, or one that the data do not have")


class QueueItem(Record):
    """One image."""

    image: str = Field(description="path as in the manifest")
    sha256: str
    part: QueuePart = Field(
        description="why it is in the queue; the live accuracy is estimated from `random` alone"
    )
    model_version: str = Field(description="hash of the bundle that predicted it last")
    label: str = Field(description="predicted target")
    earlier: dict[str, str] = Field(
        default_factory=dict, description="targets that other bundles predicted for it before, by their hash"
    )
    confidence: float
    group: str = Field(description="of related images, as the client named it; empty: none")
    proposals: list[Proposal]


class LiveAccuracy(Record):
    """Of one model, from the random part alone."""

    model_version: str = Field(description="hash of the bundle")
    drawn: int = Field(description="images of the random part that it predicted")
    reviewed: int = Field(description="of them those with an annotator's label")
    unsure: int = Field(description="of them those whose reviewer was unsure; they are left out")
    correct: int
    groups: int = Field(description="of related images, among the reviewed")
    accuracy: Estimate


class EarlierQueue(Record):
    """What is left of a queue that another one replaced."""

    log: str = Field(description="folder of the service's log")
    time: str = Field(description="when it was chosen, ISO 8601, UTC")
    live: list[LiveAccuracy] = Field(description="by model version, when it was replaced")


class Queue(Record):
    """`queue.json`."""

    schema_version: Literal[1] = Field(default=QUEUE_SCHEMA, alias="schema")
    log: str = Field(description="folder of the service's log")
    limit: int = Field(description="images to review, at most")
    random_share: float = Field(description="share of them for the random part")
    seed: int = Field(description="of the random part and of the order")
    time: str = Field(description="ISO 8601, UTC")
    history_rows: int = Field(description="rows of the label history at that time")
    images: int = Field(description="distinct images in the log")
    stored: int = Field(
        description="of them those whose file was stored, which the random part is drawn from"
    )
    first: str = Field(default="", description="first prediction of a stored image, ISO 8601; empty: unknown")
    last: str = Field(default="", description="last prediction of a stored image, ISO 8601; empty: unknown")
    added: int = Field(description="images that the data set did not have before")
    items: list[QueueItem]
    previous: list[EarlierQueue] = Field(
        default_factory=list, description="queues that were replaced, the oldest first"
    )

    def as_dict(self) -> dict[str, object]:
        """The content of the file."""
        return self.model_dump(mode="json", by_alias=True)


def read_queue(uri: str) -> Queue:
    """The content of a `queue.json`.

    Raises:
        PupilaError: it has another schema, or is no queue.
    """
    remedy = say("delete the file and run: {command}", command="pupila label queue DATA --from LOG")
    return read_record(Queue, uri, say("Can't read the queue {path}", path=uri), remedy)
