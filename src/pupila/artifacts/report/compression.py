"""`compress.json`: the models that were tried, beside their parent, and which one was chosen."""

from typing import Literal

from pydantic import Field, NonNegativeInt

from pupila.core.records import Record
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.tests import Verdict

COMPRESS_SCHEMA: Literal[1] = 1
Outcome = Literal["chosen", "possible", "worse", "not faster", "failed"]


class Latency(Record):
    """The time of a model, the model alone, in turns with its parent."""

    threads: int = Field(description="cores")
    batch: int = Field(description="images")
    p50: float = Field(description="median, seconds for the batch")
    p95: float = Field(description="95th percentile, seconds for the batch")
    speed_up: Estimate = Field(
        description="time of the parent over that of the model, median over rounds; on one core processor time"
    )


class CompressedModel(Record):
    """One model that was tried."""

    name: str
    title: str = Field(description="in words")
    outcome: Outcome
    reason: str = Field(default="", description="why it is not chosen; empty: it is")
    bytes: NonNegativeInt = Field(default=0, description="size of its ONNX file")
    parameters: NonNegativeInt = Field(default=0, description="number of weights")
    memory: NonNegativeInt = Field(
        default=0, description="peak of a process that predicts an image, above that of the runtime; bytes"
    )
    difference: Difference | None = Field(
        default=None, description="of the metric, the model minus its parent"
    )
    verdict: Verdict | None = Field(default=None, description="of the comparison with its parent")
    largest_difference: float | None = Field(
        default=None,
        description="of a logit on the calibration images, over the largest absolute logit of the parent",
    )
    latencies: list[Latency] = Field(default_factory=list)


class CompressReport(Record):
    """`compress.json`."""

    schema_version: Literal[1] = Field(default=COMPRESS_SCHEMA, alias="schema")
    parent: str = Field(description="name of the model")
    version: str = Field(description="hash of its bundle")
    bytes: int = Field(description="size of its ONNX file")
    parameters: NonNegativeInt = Field(default=0, description="number of its weights")
    memory: NonNegativeInt = Field(
        default=0,
        description="peak of a process that predicts an image with it, above that of the runtime; bytes",
    )
    latencies: list[Latency] = Field(description="of the parent")
    metric: str = Field(description="id")
    split: str = Field(description="that the models were compared on")
    images: int
    groups: int
    max_drop: float
    calibration_images: int
    unread_images: int = Field(
        default=0, description="training images chosen for calibration that can't be read"
    )
    cpu_features: list[str] = Field(description="instruction sets of the processor that was measured")
    models: list[CompressedModel]
    remarks: list[str] = Field(default_factory=list, description="how smaller networks were made")
