"""What a review asks, shows and measures, which depends on the task that the labels are for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.feedback import Label as FeedbackLabel
from pupila.artifacts.report.audit import ClassAccuracies, Disagreement
from pupila.artifacts.report.page import PageImage
from pupila.artifacts.run.out_of_fold import OutOfFold
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.sample import ReviewItem
from pupila.tasks.task import Target


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a reviewer to one item."""

    target: str | None  # a class, or the path of an accepted mask
    rejected: bool = False  # for masks; otherwise a target of None means unsure
    reviewer: str = ""  # "annotator:NAME"
    time: str = ""  # ISO 8601, UTC


Answers = Mapping[str, Answer]  # by the hash of the image
Choice = int | list[int]  # number among the choices; or for each of them 1 present, 0 absent, -1 unknown


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label that contradicts the out-of-fold predictions."""

    place: int  # among the predictions
    prediction: str | None  # predicted class; None for masks
    label_quality: float  # predicted probability of the label; for masks the IoU with the predicted mask
    classes: tuple[str, ...] = ()  # of several labels, those that are contradicted, the lowest quality first


@dataclass(frozen=True, slots=True)
class LogLabels:
    """How the targets of a service's log are read; both take the classes that the service knows."""

    predicted: Callable[[Sequence[str], Sequence[str]], str]  # names of the predicted classes to the target
    # a label as the client sent it to the target; None where these data have no such target
    feedback: Callable[[FeedbackLabel, Sequence[str]], str | None]


class ReviewTask(ABC):
    """How labels for one task are reviewed.

    Args:
        choices: what the page offers, in order.
    """

    target: ClassVar[Target]
    shows_label: ClassVar[bool] = False  # whether the label is laid over the image; else the review is blind
    log_labels: ClassVar[LogLabels | None] = None  # None: the log of a service has no targets of this kind

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = list(choices)

    @classmethod
    @abstractmethod
    def of(cls, data: Dataset, labels: Iterable[str | None], further: Sequence[str]) -> Self:
        """The review of labels of these data.

        Args:
            data: the data set.
            labels: targets that are under review, or were answered.
            further: classes that the user adds to the choices.
        """

    @property
    @abstractmethod
    def instruction(self) -> str:
        """The sentence below the image."""

    @classmethod
    def accuracy_note(cls) -> str:
        """What counts as correct, where it is not plain."""
        return ""

    @classmethod
    def states(cls) -> dict[int, str]:
        """The states that an answer gives each choice, in words; none where an answer is one of the choices."""
        return {}

    def accepts(self, choice: Choice) -> bool:
        """Whether the page offers this."""
        return isinstance(choice, int) and 0 <= choice < len(self.choices)

    @abstractmethod
    def read_choice(self, item: ReviewItem, choice: Choice) -> tuple[str | None, bool]:
        """The target that an accepted choice stands for, and whether it rejects the label."""

    def is_comparable(self, label: str, target: str) -> bool:
        """Whether an answer with this target can tell if the label is correct."""
        return True

    def agrees(self, label: str, target: str) -> bool:
        """Whether an answer with this target confirms the label."""
        return label == target

    def has_answer(self, item: ReviewItem, answers: Answers) -> bool:
        """Whether a reviewer gave an answer that decides about the label."""
        answer = answers.get(item.sha256)
        if answer is None or answer.target is None:
            return answer is not None and answer.rejected
        return item.label is None or self.is_comparable(item.label, answer.target)

    def is_correct(self, item: ReviewItem, answers: Answers) -> bool:
        """Whether the answer confirms the label; the item has an answer."""
        return self.confirms(answers[item.sha256], item.label)

    def confirms(self, answer: Answer, label: str | None) -> bool:
        """Whether the answer confirms the label."""
        return answer.target is not None and label is not None and self.agrees(label, answer.target)

    def wrong_items(self, items: Iterable[ReviewItem], answers: Answers) -> list[ReviewItem]:
        """The items whose label was replaced or rejected."""
        answered = (item for item in items if item.label is not None and self.has_answer(item, answers))
        return [item for item in answered if not self.is_correct(item, answers)]

    @abstractmethod
    def describe(self, target: str) -> str:
        """An answer with this target, in words."""

    @abstractmethod
    def draw(self, data: Dataset, item: ReviewItem) -> Array:
        """(H, W, 3) uint8: the image with the label under review, where it is shown."""

    @abstractmethod
    def measure_classes(
        self, items: Sequence[ReviewItem], answers: Answers, counts: Mapping[str, int]
    ) -> ClassAccuracies | None:
        """The accuracy per class, from the random part; None where answers name no class.

        Args:
            items: all items.
            answers: of the reviewers.
            counts: machine labels of each target.
        """

    @abstractmethod
    def show_error(self, data: Dataset, row: int, error: Disagreement) -> PageImage:
        """A wrong label for the page of the report.

        Raises:
            PupilaError: the image or the mask can't be read.
        """

    @abstractmethod
    def rank(self, data: Dataset, predictions: OutOfFold) -> tuple[int | None, list[Candidate]]:
        """The labels that contradict the predictions, the lowest quality first.

        Args:
            data: the data set.
            predictions: with the columns that a run of this task stores.

        Returns:
            The estimated number of wrong labels (None: not estimated), and the candidates.
        """
