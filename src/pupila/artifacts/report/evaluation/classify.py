"""The report of a classifier."""

from typing import Literal

from pupila.artifacts.report.evaluation.report import Comparison, EvaluationReport, ModelReport
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.estimates import ClassEstimates
from pupila.statistics.tests import PairedTest


class Calibration(Record):
    """The expected calibration error, and the reliability diagram."""

    before: Estimate | None  # before temperature scaling; None: a table has the final probabilities only
    after: Estimate
    bins: list[tuple[float, float, int]]  # mean confidence, accuracy, images; lowest confidence first


class ClassError(Record):
    """A wrong prediction."""

    row: int  # of the data set
    target: str
    prediction: str
    confidence: float


class ClassifyModel(ModelReport):
    """One classifier."""

    correct: int
    metrics: dict[str, Estimate]  # by id
    baseline: Baseline  # the majority class
    baseline_test: PairedTest  # of the model against it, image by image
    classes: dict[str, ClassEstimates]
    confusion: list[list[int]]  # rows: true classes; columns: predicted ones
    # Of a model with probabilities:
    roc_auc: dict[str, Estimate]  # by class, against the rest; of two classes that of the second
    calibration: Calibration | None
    risk_coverage: list[
        tuple[float, float]
    ]  # share of the images, the most confident first; their error rate
    worst_errors: list[ClassError]  # the most confident first


class ClassifyComparison(Comparison):
    """Two classifiers."""

    only_first: int  # images that only the first model got right
    only_other: int


class ThresholdEffect(Record):
    """The errors in the positive class."""

    false_negatives: int
    false_positives: int
    recall: Estimate
    precision: Estimate


class ThresholdReport(Record):
    """What a decision threshold changes that was tuned on validation."""

    objective: str
    positive: str  # class that is predicted from the threshold on
    threshold: float
    without_threshold: ThresholdEffect
    with_threshold: ThresholdEffect


class ClassifyReport(EvaluationReport):
    """`report.json` of a classifier."""

    task: Literal["classify"]
    models: list[ClassifyModel]
    comparisons: list[ClassifyComparison]
    threshold: ThresholdReport | None  # None: none was tuned
