"""What an evaluation consists of, and the part of it that differs between tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Self, TypeVar

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.report.evaluation.report import EvaluationHead, EvaluationReport
from pupila.artifacts.report.page import Section
from pupila.artifacts.run.source import ModelSource
from pupila.core.records import Record
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.image_scores import ImageScores
from pupila.stages.evaluate.predictions import PredictionReader, Predictions
from pupila.stages.evaluate.stress.scorer import StressScorer

OUT_OF_FOLD = "out-of-fold"  # in place of a split's name


@dataclass(frozen=True)
class EvaluationSet:
    """The images that models are evaluated on; a task may add what it prepares for them."""

    data: Dataset
    splits: SplitFile  # made from these very data
    rows: list[int]  # N row numbers of the data set

    @cached_property
    def groups(self) -> Array:
        """(N,) group numbers; an interval counts groups, not images."""
        return np.array([self.splits.images[row].component for row in self.rows])

    def select(self, rows: list[int]) -> Self:
        """Some of the images, in this order."""
        return self if rows == self.rows else replace(self, rows=rows)


Report = TypeVar("Report", bound=EvaluationReport)  # of the task
LabelledPredictions = tuple[Predictions, EvaluationSet]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a report is made of."""

    head: EvaluationHead
    sources: Sequence[ModelSource]
    models: Sequence[Predictions]  # of the sources, in their order
    on: EvaluationSet
    threshold: Record | None  # as the task reports it; None: none was tuned


@dataclass(frozen=True, slots=True)
class StressExamples:
    """What the levels of a stress test look like."""

    image: str  # path in the data set
    clean: Array  # (H, W, 3) uint8 thumbnail
    versions: dict[str, list[Array]]  # by id of the corruption: as many, the mildest first


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A report that is not written yet."""

    evaluation: EvaluationReport
    predictions: Sequence[Predictions]  # of the models
    extra_files: dict[str, bytes] = field(default_factory=dict)  # files beside the report
    stress_examples: StressExamples | None = None  # None: there was no stress test
    explanations: Sequence[Section] = ()  # heat maps of the worst errors


def _prepare_nothing(on: EvaluationSet) -> EvaluationSet:
    return on


def _no_rows(report: EvaluationReport) -> list[int]:
    return []


def _write_nothing(on: EvaluationSet) -> dict[str, bytes]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvaluator(Generic[Report]):
    """What differs between tasks; `evaluate.run` does the rest."""

    reader: PredictionReader
    image_scores: Callable[[EvaluationSet, Predictions], ImageScores]
    reads_out_of_fold: bool = True  # whether a run's stored predictions can be evaluated
    # raises where no threshold can be tuned
    check_tunable: Callable[[EvaluationSet, Predictions | None], None]
    prepare: Callable[[EvaluationSet], EvaluationSet] = _prepare_nothing  # before any model predicts
    report: Callable[[Evaluated], Report]
    # objective, predictions on validation, predictions that are evaluated
    report_threshold: Callable[[str, LabelledPredictions, LabelledPredictions], Record] | None = None
    extra_files: Callable[[EvaluationSet], dict[str, bytes]] = _write_nothing  # beside the report
    verdict: Callable[[Report], list[str]]  # the most important first, comparisons included
    warnings: Callable[[Report], list[str]]
    sections: Callable[[Report, Dataset, Sequence[Predictions]], list[Section]]
    footnote: Callable[[], str]  # how confidence intervals are computed
    worst_rows: Callable[[Report], list[int]] = _no_rows  # of the data set: the worst errors, the worst first
    stress: StressScorer  # how corrupted images are scored
