"""`audit.json`: the sample of machine labels that a reviewer checked, and how many of them are correct."""

from typing import Literal

from pydantic import Field

from pupila.core.messages import say
from pupila.core.records import Record, read_record
from pupila.statistics.estimate import Estimate
from pupila.tasks.task import Target

AUDIT_SCHEMA: Literal[3] = (
    3  # of audit.json; 2 had its figures beside `sample`, and `label_type` for `target`
)
Part = Literal["random", "uncertain"]


class Sample(Record):
    """The parameters that determine the sample, which is drawn from the labels in force at its time."""

    seed: int
    random: int  # images at random
    uncertain: int  # further images, the lowest confidence first
    history_rows: int  # rows of the label history at that time
    time: str  # ISO 8601, UTC


class RandomPart(Record):
    """The answers to images drawn at random, and the accuracy of all labels estimated from them.

    Where the reviewer abstained, the label is left out; `low_if_abstained_wrong` and `high_if_abstained_correct` bound
    the interval if all of these labels were wrong, or correct.
    """

    items: int
    reviewed: int  # with a label of the reviewer, who did not abstain
    abstained: int  # the reviewer was unsure
    correct: int
    accuracy: Estimate
    low_if_abstained_wrong: float | None
    high_if_abstained_correct: float | None
    more_to_halve: int | None  # further answers that would halve the interval; None: too few answers to tell
    large_share: bool  # whether the sample is a large part of all labels, which narrows the interval
    groups: int
    unseen_groups: (
        Estimate | None
    )  # accuracy on images of other groups; None: every image is a group of its own


class UncertainPart(Record):
    """The answers to the labels with the lowest confidence, which are no random sample."""

    items: int
    reviewed: int  # with a label of the reviewer, who did not abstain
    abstained: int  # the reviewer was unsure
    correct: int
    unlabelled: int  # images of the whole sample on which the labeller was unsure


class ClassAccuracy(Record):
    """One class in the random part."""

    labels: int  # of this class among all machine labels
    predicted: int  # reviewed items that the labeller put into it
    actual: int  # reviewed items that the reviewer put into it
    correct: int
    precision: Estimate
    recall: Estimate


class Confusion(Record):
    """A pair of classes that the labeller confused."""

    actual: str
    predicted: str
    count: int


class LabelError(Record):
    """A class that labels with several classes per image have wrong."""

    name: str
    labelled: bool = Field(description="whether the machine labels say that the image shows it")
    count: int


class ClassAccuracies(Record):
    """The classes, in index order, and how they were confused."""

    classes: dict[str, ClassAccuracy]
    confusion_matrix: list[list[int]] = Field(
        description="of the random part; rows: label of the reviewer, columns: machine label; "
        "empty without one class per image"
    )
    confusions: list[Confusion]  # in all items, the most frequent first; empty without one class per image
    label_errors: list[LabelError] = Field(
        default_factory=list, description="of several labels, in all items, the most frequent first"
    )


class Disagreement(Record):
    """A label that the reviewer replaced or rejected."""

    image: str
    sha256: str
    part: Part
    label: str  # a class, or the path of a mask
    correction: str | None  # label of the reviewer; None: a rejected mask
    reviewer: str  # "annotator:NAME"
    confidence: float | None  # of the labeller, 0..1


class AuditReport(Record):
    """What the answers say about the labels; the accuracy is estimated from the random part alone."""

    target: Target
    labellers: dict[str, int]  # labels of each, the most first
    labels: int
    items: int
    completed: int  # reviewed, or the reviewer abstained
    random: RandomPart
    uncertain: UncertainPart
    by_class: ClassAccuracies | None  # None: the labels were accepted or rejected, so no class was named
    disagreements: list[Disagreement]  # the highest confidence first


class AuditRound(Record):
    """An earlier sample and its report."""

    sample: Sample
    report: AuditReport | None  # None: no report was written


class Audit(Record):
    """`audit.json`."""

    schema_version: Literal[3] = Field(default=AUDIT_SCHEMA, alias="schema")
    sample: Sample
    report: AuditReport | None = None  # None: no report was written yet
    previous: list[AuditRound] = Field(default_factory=list)  # of earlier samples, the oldest first

    def as_dict(self) -> dict[str, object]:
        """The content of the file."""
        return self.model_dump(mode="json", by_alias=True)


def read_audit(uri: str) -> Audit:
    """The content of an `audit.json`.

    Raises:
        PupilaError: it has another schema, or is no audit.
    """
    remedy = say("delete the file and run: {command}", command="pupila label audit DATA")
    return read_record(Audit, uri, say("Can't read the audit {path}", path=uri), remedy)
