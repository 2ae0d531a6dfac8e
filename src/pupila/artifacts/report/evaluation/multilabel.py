"""The report of a model of several labels."""

from typing import Literal

from pupila.artifacts.report.evaluation.classify import Calibration
from pupila.artifacts.report.evaluation.report import Comparison, EvaluationReport, ModelReport
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.label_estimates import LabelEstimates

UnfittedBaselines = Literal["no-images", "evaluated-images"]


class LabelThreshold(Record):
    """The probability from which a class is predicted."""

    threshold: float
    shared: bool  # with other classes that have too few examples for a threshold of their own


class ErrorPair(Record):
    """A class that is predicted although it is absent, in the images that show another one."""

    present: str
    predicted: str
    false_positives: int
    images: int  # that show the one and lack the other
    false_positives_elsewhere: int  # where the first class is absent, too
    images_elsewhere: int


class LabelError(Record):
    """A label of an image that is predicted wrongly."""

    row: int  # of the data set
    class_name: str
    present: bool  # in the image; the prediction is the opposite
    confidence: float  # calibrated probability of the prediction


class MultilabelModel(ModelReport):
    """One model."""

    metrics: dict[str, Estimate]  # by id; the means over classes are taken over those that have one
    classes: dict[str, LabelEstimates]
    thresholds: dict[str, LabelThreshold]  # by class; empty for the labels that a table gives
    # Of a model with probabilities:
    calibration: Calibration | None  # over all known labels
    precision_recall: dict[str, list[tuple[float, float]]]  # by class with a positive: recall, precision
    risk_coverage: list[
        tuple[float, float]
    ]  # share of the images, the most confident first; share with an error
    error_pairs: list[ErrorPair]  # the most frequent first
    worst_errors: list[LabelError]  # the most confident first, one for each image


class MultilabelComparison(Comparison):
    """Two models, or a model and a baseline."""

    is_baseline: bool
    only_first: int  # images whose known labels only the first model got all right
    only_other: int
    p_images: float  # test of these images over their groups


class MultilabelReport(EvaluationReport):
    """`report.json` of a model of several labels."""

    task: Literal["multilabel"]
    models: list[MultilabelModel]
    comparisons: list[MultilabelComparison]
    known: int  # labels: known classes of images
    unknown: int  # classes of the images that nobody knows; they count in no figure
    images_without_labels: int  # of the evaluated splits; left out, since none of their classes is known
    # why fitted baselines are left out: no labelled image to fit them on, or only images that are evaluated
    unfitted_baselines: UnfittedBaselines | None
