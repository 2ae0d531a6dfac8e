"""The report of each task."""

from pupila.artifacts.report.evaluation.classify import ClassifyReport
from pupila.artifacts.report.evaluation.multilabel import MultilabelReport
from pupila.artifacts.report.evaluation.prompt import PromptReport
from pupila.artifacts.report.evaluation.report import EvaluationReport
from pupila.artifacts.report.evaluation.segment import SegmentReport

REPORTS: dict[str, type[EvaluationReport]] = {
    "classify": ClassifyReport,
    "multilabel": MultilabelReport,
    "segment": SegmentReport,
    "prompt": PromptReport,
}
