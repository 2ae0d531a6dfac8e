"""What the report of every task has."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from pupila.artifacts.bundle.validation import ProbeComparison
from pupila.artifacts.report.evaluation.slices import SliceReport
from pupila.artifacts.report.evaluation.stress import StressReport
from pupila.core.records import Record
from pupila.statistics.estimate import Difference
from pupila.statistics.tests import MARGIN, NOT_DISTINGUISHABLE, Verdict

REPORT_SCHEMA: Literal[3] = 3  # of report.json; 2 had titles of metrics for ids


class EvaluationHead(Record):
    """What was evaluated, and on which data."""

    schema_version: Literal[3] = Field(default=REPORT_SCHEMA, alias="schema")
    task: str
    classes: list[str]  # in the order of the logits
    data_hash: str
    splits_hash: str
    leaking: bool  # whether the split leaks
    validation_based: bool  # whether epochs, thresholds, settings or temperatures can depend on these images
    split: str  # or "out-of-fold"
    test_accesses: int  # evaluations of the test split so far; 0: another split


class ModelReport(Record):
    """One model."""

    name: str
    version: str  # hash of the bundle or of the table
    n: int  # images
    groups: int
    seen_in_training: int  # images that the model was trained or selected on


class Comparison(Record):
    """The first model compared with another one on the same images; differences are first minus other."""

    name: str  # of the other model
    version: str
    n: int  # images, or masks
    metrics: dict[str, Difference]  # by id
    primary_metric: str  # decides
    p_value: float
    p_holm: float = 1.0  # Holm-corrected for all comparisons of the report
    margin: float = MARGIN  # within which models count as equivalent
    verdict: Verdict = NOT_DISTINGUISHABLE
    images_to_settle: int | None  # about how many would give a verdict; None: unknown


class EvaluationReport(EvaluationHead):
    """`report.json`."""

    models: Sequence[ModelReport]  # the first one is evaluated, the others are compared with it
    comparisons: Sequence[Comparison]
    stress: StressReport | None = None  # None: there was no stress test
    slices: list[SliceReport] = Field(default_factory=list)  # of the first model, by what the user named
    probe: ProbeComparison | None = None  # beside the first model on validation; None: it has none
