"""What a review asks, shows and measures, which depends on the task that the labels are for."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from pupila.artifacts.dataset.manifest import Dataset
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


def has_answer(item: ReviewItem, answers: Answers) -> bool:
    """Whether a reviewer gave an answer other than unsure."""
    answer = answers.get(item.sha256)
    return answer is not None and (answer.target is not None or answer.rejected)


def is_correct(item: ReviewItem, answers: Answers) -> bool:
    """Whether the answer confirms the label; the item has an answer."""
    return answers[item.sha256].target == item.label


def wrong_items(items: Iterable[ReviewItem], answers: Answers) -> list[ReviewItem]:
    """The items whose label was replaced or rejected."""
    answered = (item for item in items if item.label is not None and has_answer(item, answers))
    return [item for item in answered if not is_correct(item, answers)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label that contradicts the out-of-fold predictions."""

    place: int  # among the predictions
    prediction: str | None  # predicted class; None for masks
    label_quality: float  # predicted probability of the label; for masks the IoU with the predicted mask


class ReviewTask(ABC):
    """How labels for one task are reviewed.

    Args:
        choices: what the page offers, in order.
    """

    target: ClassVar[Target]
    shows_label: ClassVar[bool] = False  # whether the label is laid over the image; else the review is blind

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

    @abstractmethod
    def read_choice(self, item: ReviewItem, choice: int) -> tuple[str | None, bool]:
        """The target that a choice stands for, and whether it rejects the label."""

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
