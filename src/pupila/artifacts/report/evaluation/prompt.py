"""The report of a promptable model."""

from typing import Literal

from pupila.artifacts.report.evaluation.report import Comparison, EvaluationReport, ModelReport
from pupila.artifacts.report.evaluation.segment import AnnotationAgreement
from pupila.artifacts.run.log import EpochLog
from pupila.core.records import Record
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.overlap import Distribution
from pupila.tasks.prompt_strategies import PromptStrategy


class FailedMask(Record):
    """A mask whose IoU is low."""

    image: str
    class_name: str
    iou: float


class PromptFailures(Record):
    """Masks whose IoU is low."""

    below: float  # IoU of a mask
    masks: int
    instances: list[FailedMask]


class PromptedClass(Record):
    """The masks of one class."""

    masks: int
    groups: int
    iou: Estimate


class IouBand(Record):
    """Masks whose predicted IoU lies in one tenth of 0..1."""

    predicted_iou: float  # mean
    iou: float  # mean of the actual ones
    masks: int


class PredictedIou(Record):
    """How well the model predicts its own IoU."""

    error: Estimate  # mean absolute error
    bands: list[IouBand]


class StrategyResult(Record):
    """The masks for one prompt strategy."""

    masks: int
    groups: int
    per_mask: dict[str, Distribution]  # by id
    pooled: dict[str, Estimate]
    histograms: dict[str, list[int]]  # by id: masks in equal bins of 0..1
    failures: PromptFailures
    classes: dict[str, PromptedClass]
    predicted_iou: PredictedIou | None  # None: the model predicts none


class PromptVariation(Estimate):
    """The mean IoU for one variation of the prompt."""

    at: float  # number of points, or jitter as a share of the box side


class PromptSensitivity(Record):
    """The mean IoU for other prompts."""

    points: list[PromptVariation]
    jitter: list[PromptVariation]
    anywhere: Estimate  # points anywhere in the mask
    border: Estimate  # points at the border of the mask


class PromptResults(Record):
    """The masks of a model or of a baseline."""

    promptable: bool
    strategies: dict[str, StrategyResult]
    sensitivity: PromptSensitivity | None  # None: the model takes no prompt


class PromptModel(PromptResults, ModelReport):
    """One model."""


class PromptBaseline(PromptResults):
    """One baseline."""

    name: str


class FailureComparison(Record):
    """The failures of two models on the same masks, and the exact McNemar test."""

    first: int
    other: int
    only_first: int
    only_other: int
    p_value: float


class PromptComparison(Comparison):
    """Two models, or a model and a baseline, for one prompt strategy."""

    strategy: str
    is_baseline: bool
    failures: FailureComparison


class PromptExample(Record):
    """A mask that the page shows."""

    row: int  # of the data set
    image: str
    class_name: str
    iou: float
    rival_iou: float | None  # of the model that it is compared with; None: there is none


class PromptExamples(Record):
    """The largest gains, the middle and the largest losses; without a rival the highest and lowest IoU."""

    best: list[PromptExample]
    median: list[PromptExample]
    worst: list[PromptExample]
    failures: list[PromptExample]

    def all(self) -> list[PromptExample]:
        """Every example."""
        return [*self.best, *self.median, *self.worst, *self.failures]


class PromptReport(EvaluationReport):
    """`report.json` of a promptable model."""

    task: Literal["prompt"]
    models: list[PromptModel]
    comparisons: list[PromptComparison]
    seed: int  # of the prompts
    strategies: dict[str, PromptStrategy]
    masks: int  # that prompts were drawn from
    images: int
    images_without_targets: int
    groups: int
    baselines: list[PromptBaseline]
    box_scale: float | None  # of the baseline's box around the points; None: the whole image
    examples: dict[str, PromptExamples]  # by strategy
    annotation_agreement: AnnotationAgreement | None  # None: no image is annotated twice
    training_log: list[EpochLog]
