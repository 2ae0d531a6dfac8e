"""The report of a segmentation model."""

from typing import Literal

from pupila.artifacts.report.evaluation.report import Comparison, EvaluationReport, ModelReport
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.overlap import OverlapSummary
from pupila.statistics.tests import PairedTest


class AnnotationAgreement(Record):
    """How well two annotations of the same image agree: about the highest score that the labels allow."""

    pairs: int
    groups: int
    dice: Estimate
    iou: Estimate


class Failures(Record):
    """Images whose IoU is low."""

    below: float  # IoU of an image
    images: int


class MaskExample(Record):
    """An image that the page shows."""

    row: int  # of the data set
    image: str
    scores: dict[str, float]  # of the image, by id


class MaskExamples(Record):
    """Images of low, middle and high IoU."""

    worst: list[MaskExample]
    median: list[MaskExample]
    best: list[MaskExample]


class SegmentModel(OverlapSummary, ModelReport):
    """One segmentation model; its groups are those of images with a labelled pixel."""

    baseline: Baseline  # the class that scores best everywhere
    baseline_test: PairedTest  # of the model against it, by the metric that selects models
    majority: Baseline  # the class of most pixels
    failures: Failures
    histograms: dict[str, list[int]]  # by id: images in equal bins of 0..1
    examples: MaskExamples
    predicted_classes: list[str]
    annotation_agreement: AnnotationAgreement | None  # None: no image is annotated twice


class SegmentReport(EvaluationReport):
    """`report.json` of a segmentation model."""

    task: Literal["segment"]
    models: list[SegmentModel]
    comparisons: list[Comparison]
