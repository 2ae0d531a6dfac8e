"""How labellers write labels, by what is true of one image."""

from collections.abc import Callable
from typing import Any, Protocol

from pupila.artifacts.dataset.manifest import Dataset
from pupila.stages.label.labellers.classify import CLASS_TEXT, ClassWriter
from pupila.stages.label.labellers.labeller import Outcome
from pupila.stages.label.labellers.multilabel import LABELS_TEXT, LabelsWriter
from pupila.stages.label.labellers.segment import MaskWriter
from pupila.stages.label.labellers.text_labels import TextLabels
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.multilabel import MULTILABEL
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Target


class PredictionWriter(Protocol):
    """Makes labels of a bundle's predictions."""

    @property
    def partial(self) -> bool:
        """Whether a label leaves out what the bundle is not confident of, so that another threshold gives another."""

    def write_prediction(self, row: int, prediction: Any, min_confidence: float) -> Outcome:
        """The label of a row, from a prediction of the task that is confident enough."""


# From the data set, and the classes of the bundle.
WRITERS: dict[Target, Callable[[Dataset, list[str]], PredictionWriter]] = {
    CLASSIFY.target: ClassWriter,
    MULTILABEL.target: LabelsWriter,
    SEGMENT.target: MaskWriter,
}
# A mask has no words: vision-language models and tables can't give one.
TEXT_LABELS: dict[Target, TextLabels] = {CLASSIFY.target: CLASS_TEXT, MULTILABEL.target: LABELS_TEXT}
