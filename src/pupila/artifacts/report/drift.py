"""`drift.json`: whether the images of a log still look like the reference of their bundle, and what changed."""

from typing import Literal

from pydantic import Field

from pupila.core.records import Record
from pupila.statistics.drift.cbpe import EstimatedAccuracy
from pupila.statistics.estimate import Estimate

DRIFT_SCHEMA: Literal[1] = 1


class LogCounts(Record):
    """What the log holds, and what of it was left out."""

    lines: int
    images: int = Field(description="predictions of this bundle")
    groups: int = Field(description="of related images, each monitored by one of them")
    without_group: int = Field(description="images without the name of a group, each a group by itself")
    damaged_lines: int = Field(description="that are no record; left out")
    dropped: int = Field(description="predictions that the service could not write, by its own count")
    other_versions: dict[str, int] = Field(description="predictions of other bundles, by hash; left out")
    late_images: int = Field(description="that came when their group was closed; left out")
    repeated_images: int = Field(description="the same file again, without the name of a group; left out")
    without_embedding: int = Field(description="groups whose content could not be compared")
    first: str = Field(description="time of the first image, ISO 8601 in UTC")
    last: str = Field(description="time of the last image, also of one that was left out")


class EvidencePoint(Record):
    """The evidence after a group."""

    group: int = Field(description="number, from 1")
    evidence: float


class Alarm(Record):
    """An alarm, and since when the images have changed."""

    group: int = Field(description="number of the group that raised it, from 1")
    time: str
    since_group: int = Field(description="number of the first group after the most likely change")
    since: str = Field(description="time of that group")


class StreamChange(Record):
    """A stream of values on the reference and on the log, since the change where there was one."""

    name: str
    title: str = Field(description="in words")
    changed: bool = Field(description="whether its own evidence raised an alarm")
    evidence: float = Field(description="of its own, the largest of the log")
    baseline: Literal["reference", "beginning"] = Field(
        description="what it is compared with; beginning: the groups of the log before the change, as the reference "
        "does not know it"
    )
    reference: float | None = Field(description="mean of the baseline; null: unknown")
    stream: float | None = Field(description="mean of the log; null: unknown")
    shift: Estimate = Field(description="of the mean, in standard deviations of the baseline")
    edges: list[float] = Field(description="of the histogram's bins")
    reference_shares: list[float] = Field(description="of the baseline's groups in each bin, 0..1")
    stream_shares: list[float]


class ClassShare(Record):
    """A class on the reference and on the log, since the change where there was one."""

    name: str
    reference: float | None = Field(description="0..1; null: unknown, as for an ensemble")
    predicted: float | None = Field(description="mean output on the log, 0..1; null: unknown")
    estimated: Estimate = Field(
        description="share that explains the outputs best; undefined where none is estimated"
    )


class SampleComparison(Record):
    """A classifier that tells groups of the log from those of the reference."""

    auc: float = Field(description="on groups that it was not fitted to; 0.5: it can't tell them apart")
    p_value: float = Field(description="of a permutation test")
    after_alarm: bool = Field(
        description="whether only groups after the alarm were used; else those that raised it, "
        "which biases the p-value downwards"
    )
    reference_groups: int
    stream_groups: int


class UnlikeImage(Record):
    """An image of the log that is least like the reference."""

    image: str = Field(description="SHA-256 of the file")
    file: str = Field(description="path beside the log; empty: it was not stored")
    time: str
    request_id: str
    item: int = Field(description="number of the image in its request, from 0")
    predicted: list[str]
    confidence: float
    score: float = Field(description="of the classifier on a group that it was not fitted to")


class DriftReport(Record):
    """`drift.json`."""

    schema_version: Literal[1] = Field(default=DRIFT_SCHEMA, alias="schema")
    bundle: str = Field(description="name of the model")
    version: str = Field(description="hash of the bundle")
    task: str
    false_alarm_every: int = Field(
        description="groups in which a false alarm is expected at most once; evidence that raises an alarm"
    )
    reference_groups: int
    is_out_of_fold: bool = Field(
        description="whether models of the folds predicted the reference; else the model itself did"
    )
    counts: LogCounts
    evidence: float = Field(description="at the end of the log")
    largest_evidence: float = Field(description="after any group of the log")
    alarm: Alarm | None = Field(description="null: there was none")
    smallest_shift: float | None = Field(
        description="lasting, in one stream that the reference knows, that so many groups show about half of the time "
        "or more, standard deviations; null: above 3"
    )
    history: list[EvidencePoint] = Field(description="at most a few hundred groups, evenly")
    streams: list[StreamChange] = Field(description="the most evidence first")
    classes: list[ClassShare]
    accuracy: EstimatedAccuracy
    comparison: SampleComparison | None = Field(
        description="null: no alarm, or too few groups since the change"
    )
    unlike: list[UnlikeImage] = Field(
        description="the least like the reference first, and of those that were stored as many; empty: no alarm"
    )
