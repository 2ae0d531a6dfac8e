"""What was measured before the bundle was written: validation, parity of the export, and the reference for drift."""

from typing import Literal

from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.paired import ScoreComparison


class RejectedPostProcessing(Record):
    """A parameter of post-processing that improves the mean over classes at the cost of one, and is not used."""

    name: str  # field of `PostProcessing`
    value: float
    class_name: str
    iou_before: float  # of the class, pooled over the validation images
    iou_after: float


class ProbeComparison(ScoreComparison):
    """The network and a linear probe, each without a tuned threshold, on the same validation images.

    The probe is a logistic regression on the features of the frozen encoder, fitted on the training images as they are.
    """

    metric: str  # its id


class ValidationSummary(Record):
    """The metrics on the validation images, where epoch, threshold and post-processing were selected."""

    n: int  # images
    groups: int
    metrics: dict[str, Estimate]  # by id, that of model selection first
    baseline: Baseline
    probe: ProbeComparison | None = None  # None: no pretrained encoder, or a task without a probe
    rejected_post_processing: tuple[RejectedPostProcessing, ...] = ()


class Parity(Record):
    """The difference between the trained and the exported model, from bytes to logits."""

    images: int
    largest_difference: float  # of a logit, over the largest absolute logit
    label_agreement: float  # share of images with the same prediction
    tolerance: float


ReferenceSource = Literal["out-of-fold", "left-out"]


class DriftReference(Record):
    """The predictions that monitoring compares a service with: for images that chose nothing."""

    groups: int  # of related images, each with one image
    source: ReferenceSource  # out-of-fold predictions, or those for training images that were left out for it
    file: str  # in the bundle
