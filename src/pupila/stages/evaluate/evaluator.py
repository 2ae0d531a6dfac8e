"""What an evaluation consists of, and the part of it that differs between tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.page import Section
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.predictions import PredictionReader, Predictions

REPORT_SCHEMA = 2  # of report.json
OUT_OF_FOLD = "out-of-fold"  # in place of a split's name
Evaluation = dict[str, Any]  # what report.json holds
ModelReport = dict[str, Any]  # of one model
Comparison = dict[str, Any]  # of the first model with another one


@dataclass(frozen=True)
class EvaluationSet:
    """The images that models are evaluated on."""

    data: Dataset
    rows: list[int]  # N row numbers of the data set
    groups: Array  # (N,) group numbers; an interval counts groups, not images


ThresholdReport = dict[str, Any]  # what a tuned threshold changes
LabelledPredictions = tuple[Predictions, EvaluationSet]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A report that is not written yet."""

    evaluation: Evaluation
    predictions: Sequence[Predictions]  # of the models
    extra_files: dict[str, bytes] = field(default_factory=dict)  # files beside the report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWriter:
    """How a task's report is written."""

    verdict: Callable[[Evaluation], list[str]]  # the most important first, comparisons included
    warnings: Callable[[Evaluation], list[str]]
    sections: Callable[[Evaluation, Dataset, Sequence[Predictions]], list[Section]]
    footnote: Callable[[], str]  # how confidence intervals are computed


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvaluator(ReportWriter):
    """What differs between tasks; `evaluate.run` does the rest."""

    reader: PredictionReader
    report_model: Callable[[Predictions, EvaluationSet], ModelReport]
    compare: Callable[
        [Predictions, list[Predictions], EvaluationSet], list[Comparison]
    ]  # differences are first minus other
    check_tunable: Callable[
        [EvaluationSet, Predictions | None], None
    ]  # raises where no threshold can be tuned
    report_threshold: Callable[
        [str, LabelledPredictions, LabelledPredictions], ThresholdReport
    ]  # objective, predictions on validation, predictions that are evaluated
