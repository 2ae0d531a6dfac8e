"""The review of labels with one class per image: a blind choice among the classes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.predictions.feedback import Label as FeedbackLabel
from pupila.artifacts.report.audit import ClassAccuracies, ClassAccuracy, Confusion, Disagreement
from pupila.artifacts.report.page import PageImage
from pupila.artifacts.run.out_of_fold import OutOfFold
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.captions import show_both_labels
from pupila.stages.label.review.estimate import estimate_share
from pupila.stages.label.review.label_errors import estimate_label_errors
from pupila.stages.label.review.review_task import Answers, Candidate, Choice, LogLabels, ReviewTask
from pupila.stages.label.review.sample import RANDOM, ReviewItem
from pupila.tasks.classify import CLASSIFY, softmax


def _read_predicted(names: Sequence[str], classes: Sequence[str]) -> str:
    return names[0]


def _read_feedback(label: FeedbackLabel, classes: Sequence[str]) -> str | None:
    return label if isinstance(label, str) else None


class ClassifyReview(ReviewTask):
    """One class per image; the reviewer does not see the label."""

    target = CLASSIFY.target
    log_labels = LogLabels(_read_predicted, _read_feedback)

    @classmethod
    def of(cls, data: Dataset, labels: Iterable[str | None], further: Sequence[str]) -> Self:
        """The classes of data, labels and user, sorted."""
        return cls(sorted({*data.classes, *(name for name in labels if name is not None), *further}))

    @property
    def instruction(self) -> str:
        """Why the label is hidden."""
        return say("Blind review: labels and predictions are hidden so that they do not influence you.")

    def read_choice(self, item: ReviewItem, choice: Choice) -> tuple[str | None, bool]:
        """The class."""
        assert isinstance(choice, int)
        return self.choices[choice], False

    def describe(self, target: str) -> str:
        """The class."""
        return target

    def draw(self, data: Dataset, item: ReviewItem) -> Array:
        """The image alone."""
        return data.pixels(item.row)

    def measure_classes(
        self, items: Sequence[ReviewItem], answers: Answers, counts: Mapping[str, int]
    ) -> ClassAccuracies:
        """Precision and recall per class, and the confusions."""
        answered = [item for item in items if item.part == RANDOM and self.has_answer(item, answers)]
        pairs = Counter((answers[item.sha256].target, item.label) for item in answered)
        return ClassAccuracies(
            classes={
                name: _measure_class(name, answered, answers, counts.get(name, 0)) for name in self.choices
            },
            confusion_matrix=[
                [pairs[actual, predicted] for predicted in self.choices] for actual in self.choices
            ],
            confusions=_count_confusions(self.wrong_items(items, answers), answers),
        )

    def show_error(self, data: Dataset, row: int, error: Disagreement) -> PageImage:
        """The image; its caption has both labels."""
        return show_both_labels(data, row, error, self.describe)

    def rank(self, data: Dataset, predictions: OutOfFold) -> tuple[int, list[Candidate]]:
        """By the predicted probability of the label."""
        names = data.classes
        logits = predictions.frame.select([logit_column(name) for name in names]).to_numpy()
        numbers = np.array([names.index(target) for target in data.images["target"][predictions.rows]])
        probabilities = softmax(logits)
        best = probabilities.argmax(axis=1)
        return estimate_label_errors(numbers, probabilities), [
            Candidate(place, names[best[place]], float(probabilities[place, numbers[place]]))
            for place in rank_by_self_confidence(numbers, probabilities)
        ]


def _measure_class(name: str, answered: Sequence[ReviewItem], answers: Answers, labels: int) -> ClassAccuracy:
    predicted = sum(item.label == name for item in answered)
    actual = [item for item in answered if answers[item.sha256].target == name]
    correct = sum(item.label == name for item in actual)
    return ClassAccuracy(
        labels=labels, predicted=predicted, actual=len(actual), correct=correct,
        precision=estimate_share(correct, predicted, labels), recall=estimate_share(correct, len(actual)),
    )  # fmt: skip


def _count_confusions(wrong_items: Sequence[ReviewItem], answers: Answers) -> list[Confusion]:
    """Pairs of confused classes, the most frequent first."""
    wrong = Counter((str(answers[item.sha256].target), str(item.label)) for item in wrong_items)
    ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
    return [
        Confusion(actual=actual, predicted=predicted, count=count) for (actual, predicted), count in ordered
    ]


def rank_by_self_confidence(labels: Array, probabilities: Array) -> list[int]:
    """The positions of labels that the model contradicts, in ascending order of the predicted probability of the label.

    Args:
        labels: (N,) given class numbers.
        probabilities: (N, C) of a model that was not trained on these images.

    Source: self-confidence of Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068). Their cut-off by confident learning
        is used in `estimate_label_errors` only: it misses many of few errors, and here a reviewer checks each label.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(probabilities[wrong, labels[wrong]], kind="stable")
    return [int(place) for place in wrong[order]]
