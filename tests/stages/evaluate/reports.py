"""The report of an evaluation as that of its task."""

import importlib
import importlib.util
import json
from pathlib import Path

from pupila.artifacts.report.evaluation.classify import ClassifyReport
from pupila.artifacts.report.evaluation.prompt import PromptReport
from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.evaluation.reports import REPORTS
from pupila.artifacts.report.evaluation.segment import SegmentReport
from pupila.statistics.estimate import Estimate

SCHEMAS = Path(__file__).parents[3] / "docs/reference/schemas"


def classified(evaluation: EvaluationReport) -> ClassifyReport:
    """Of a classifier."""
    assert isinstance(evaluation, ClassifyReport)
    return evaluation


def segmented(evaluation: EvaluationReport) -> SegmentReport:
    """Of a segmentation model."""
    assert isinstance(evaluation, SegmentReport)
    return evaluation


def prompted(evaluation: EvaluationReport) -> PromptReport:
    """Of a promptable model."""
    assert isinstance(evaluation, PromptReport)
    return evaluation


def head(split: str) -> EvaluationReport:
    """A report without a model."""
    return EvaluationReport(
        task="classify", classes=["a", "b"], data_hash="", splits_hash="", leaking=False, validation_based=False,
        split=split, test_accesses=0, models=[], comparisons=[],
    )  # fmt: skip


def assert_valid(report_json: Path, evaluation: EvaluationReport) -> None:
    """That the file has the report, reads back as the same, and is valid JSON by its schema."""
    content = json.loads(report_json.read_text())
    assert REPORTS[evaluation.task].model_validate(content) == evaluation
    if importlib.util.find_spec("jsonschema"):
        schema = json.loads((SCHEMAS / "report.json").read_text())
        importlib.import_module("jsonschema").validate(content, schema)


def mean_of_slices(evaluation: EvaluationReport, by: str, metric: str) -> float:
    """The mean over the images or masks of all slices of a column: the metric itself."""
    (slices,) = [report.slices for report in evaluation.slices if (report.by, report.metric) == (by, metric)]
    return sum(value(row.estimate) * row.n for row in slices) / sum(row.n for row in slices)


def value(estimate: Estimate) -> float:
    """The value of an estimate that is defined."""
    assert estimate.value is not None
    return estimate.value
