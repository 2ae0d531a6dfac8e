"""The review of several labels per image: a blind answer to every class, which is present, absent or unknown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.classify import logit_column
from pupila.artifacts.predictions.feedback import Label as FeedbackLabel
from pupila.artifacts.report.audit import ClassAccuracies, ClassAccuracy, Disagreement, LabelError
from pupila.artifacts.report.page import PageImage
from pupila.artifacts.run.out_of_fold import OutOfFold
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.captions import show_both_labels
from pupila.stages.label.review.estimate import estimate_share
from pupila.stages.label.review.label_errors import estimate_label_errors
from pupila.stages.label.review.review_task import Answers, Candidate, Choice, LogLabels, ReviewTask
from pupila.stages.label.review.sample import RANDOM, ReviewItem
from pupila.tasks.label_text import ABSENT, PRESENT, UNKNOWN, describe_labels, read_labels, write_labels
from pupila.tasks.multilabel import DEFAULT_THRESHOLD, MULTILABEL
from pupila.tasks.tuning.multilabel import calibrate_to

_Labels = dict[str, bool]  # known class to whether the image shows it


def _read_predicted(names: Sequence[str], classes: Sequence[str]) -> str:
    return write_labels({name: name in names for name in classes})


def _read_feedback(label: FeedbackLabel, classes: Sequence[str]) -> str | None:
    return _read_predicted(label, classes) if isinstance(label, list) else None


class LabelsReview(ReviewTask):
    """Several classes per image; the reviewer does not see the labels."""

    target = MULTILABEL.target
    log_labels = LogLabels(_read_predicted, _read_feedback)

    @classmethod
    def of(cls, data: Dataset, labels: Iterable[str | None], further: Sequence[str]) -> Self:
        """The classes of data, labels and user, sorted."""
        named = (name for text in labels if text is not None for name in read_labels(text))
        return cls(sorted({*data.classes, *named, *further}))

    @property
    def instruction(self) -> str:
        """How to answer, and why the labels are hidden."""
        return say("Blind review: labels and predictions are hidden so that they do not influence you. Mark what the "
                   "image shows; a second press means unknown. What is not marked is absent.")  # fmt: skip

    @classmethod
    def accuracy_note(cls) -> str:
        """What counts as correct."""
        return say(
            "The labels of an image are correct if they agree with the reviewer in every class that both know."
        )

    @classmethod
    def states(cls) -> dict[int, str]:
        """What a class can be."""
        return {PRESENT: say("present"), ABSENT: say("absent"), UNKNOWN: say("unknown")}

    def accepts(self, choice: Choice) -> bool:
        """A state for every class."""
        if isinstance(choice, int) or len(choice) != len(self.choices):
            return False
        return set(choice) <= {PRESENT, ABSENT, UNKNOWN}

    def read_choice(self, item: ReviewItem, choice: Choice) -> tuple[str | None, bool]:
        """The labels; unsure where every class is unknown."""
        assert not isinstance(choice, int)
        states = zip(self.choices, choice, strict=True)
        known = {name: state == PRESENT for name, state in states if state != UNKNOWN}
        return write_labels(known) if known else None, False

    def describe(self, target: str) -> str:
        """The classes that are present, and those that are unknown."""
        return describe_labels(target, self.choices)

    def is_comparable(self, label: str, target: str) -> bool:
        """Whether both know a class."""
        return not read_labels(label).keys().isdisjoint(read_labels(target))

    def agrees(self, label: str, target: str) -> bool:
        """Whether they contradict each other in no class."""
        return not contradicted_classes(label, target)

    def draw(self, data: Dataset, item: ReviewItem) -> Array:
        """The image alone."""
        return data.pixels(item.row)

    def measure_classes(
        self, items: Sequence[ReviewItem], answers: Answers, counts: Mapping[str, int]
    ) -> ClassAccuracies:
        """Precision and recall of the presence of each class, and the wrong classes of all items."""
        pairs = [
            (read_labels(item.label), read_labels(answers[item.sha256].target or "{}"))
            for item in items
            if item.part == RANDOM and item.label is not None and self.has_answer(item, answers)
        ]
        present = Counter[str]()
        for text, count in counts.items():
            present.update({name: count for name, there in read_labels(text).items() if there})
        return ClassAccuracies(
            classes={name: _measure_class(name, pairs, present[name]) for name in self.choices},
            confusion_matrix=[],
            confusions=[],
            label_errors=self._count_errors(items, answers),
        )

    def _count_errors(self, items: Sequence[ReviewItem], answers: Answers) -> list[LabelError]:
        """The wrong classes, the most frequent first."""
        wrong = Counter(
            error
            for item in self.wrong_items(items, answers)
            for error in contradicted_classes(item.label or "{}", answers[item.sha256].target or "{}")
        )
        ordered = sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))
        return [LabelError(name=name, labelled=labelled, count=count) for (name, labelled), count in ordered]

    def show_error(self, data: Dataset, row: int, error: Disagreement) -> PageImage:
        """The image; its caption has both labels."""
        return show_both_labels(data, row, error, lambda target: f"[{self.describe(target)}]")

    def rank(self, data: Dataset, predictions: OutOfFold) -> tuple[int, list[Candidate]]:
        """By the calibrated probability of the class that the run contradicts most."""
        names = data.classes
        logits = predictions.frame.select([logit_column(name) for name in names]).to_numpy()
        given = data.label_matrix[predictions.rows]
        probabilities = calibrate_to(given, logits, names)
        candidates = []
        for place in rank_by_least_quality(given, probabilities):
            scores = label_quality(given[place], probabilities[place])
            doubted = sorted(
                np.flatnonzero(_contradicts(given[place], probabilities[place])), key=scores.__getitem__
            )
            predicted = zip(names, (probabilities[place] >= DEFAULT_THRESHOLD).tolist(), strict=True)
            candidates.append(
                Candidate(place, write_labels(dict(predicted)), float(scores.min()),
                          tuple(names[number] for number in doubted))
            )  # fmt: skip
        return estimate_wrong_classes(given, probabilities), candidates


def contradicted_classes(label: str, target: str) -> list[tuple[str, bool]]:
    """The classes in which two labels contradict each other, and whether the first has them."""
    mine, theirs = read_labels(label), read_labels(target)
    return [(name, there) for name, there in mine.items() if theirs.get(name, there) is not there]


def _measure_class(name: str, pairs: Sequence[tuple[_Labels, _Labels]], labels: int) -> ClassAccuracy:
    """Of the images for which machine and reviewer both know the class."""
    known = [(mine[name], theirs[name]) for mine, theirs in pairs if name in mine and name in theirs]
    predicted, actual = sum(mine for mine, _ in known), sum(theirs for _, theirs in known)
    correct = sum(mine and theirs for mine, theirs in known)
    return ClassAccuracy(
        labels=labels, predicted=predicted, actual=actual, correct=correct,
        precision=estimate_share(correct, predicted, labels), recall=estimate_share(correct, actual),
    )  # fmt: skip


def label_quality(given: Array, probabilities: Array) -> Array:
    """The probability of each given state; 1 where nothing is given.

    Args:
        given: (..., C) 1 present, 0 absent, -1 unknown.
        probabilities: (..., C) that the class is present.
    """
    return np.where(given == UNKNOWN, 1.0, np.where(given == PRESENT, probabilities, 1 - probabilities))


def _contradicts(given: Array, probabilities: Array) -> Array:
    return np.asarray((given != UNKNOWN) & ((given == PRESENT) != (probabilities >= DEFAULT_THRESHOLD)))


def rank_by_least_quality(given: Array, probabilities: Array) -> list[int]:
    """The positions of images with a label that the model contradicts, in ascending order of its probability.

    Args:
        given: (N, C) 1 present, 0 absent, -1 unknown.
        probabilities: (N, C) that the class is present, of a model that was not trained on these images.

    Source: self-confidence per class, the minimum over the classes, as in Thyagarajan et al. 2022 (arXiv:2211.13895).
    """
    doubted = np.flatnonzero(_contradicts(given, probabilities).any(axis=1))
    least = label_quality(given[doubted], probabilities[doubted]).min(axis=1, initial=1.0)
    return [int(place) for place in doubted[np.argsort(least, kind="stable")]]


def estimate_wrong_classes(given: Array, probabilities: Array) -> int:
    """The estimated number of wrong classes over all images, each class by itself; see `rank_by_least_quality`."""
    total = 0
    for states, shares in zip(given.T, probabilities.T, strict=True):
        known = states != UNKNOWN
        pair = np.stack([1 - shares[known], shares[known]], axis=1)
        total += estimate_label_errors(states[known].astype(np.int64), pair) if known.any() else 0
    return total
