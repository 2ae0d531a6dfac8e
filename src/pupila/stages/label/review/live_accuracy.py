"""The accuracy of a service on the images that it gets, from those that were drawn at random."""

from collections.abc import Mapping, Sequence

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.label.review.estimate import estimate_share
from pupila.stages.label.review.queue_file import LiveAccuracy, QueueItem
from pupila.stages.label.review.review_task import Answers, ReviewTask
from pupila.stages.label.review.sample import RANDOM
from pupila.statistics.metrics.estimates import estimate_means

_Prediction = tuple[str, str]  # hash of the image, and the predicted target


def measure_live_accuracy(
    items: Sequence[QueueItem], answers: Answers, rows: Mapping[str, int], components: Array, task: ReviewTask
) -> list[LiveAccuracy]:
    """The accuracy of each model version, from its own predictions for the random part alone.

    Args:
        items: of the queue.
        answers: of reviewers, by the hash of the image.
        rows: of the data set, by the hash of the image.
        components: number of the group of each row.
        task: how the labels are reviewed.
    """
    drawn: dict[str, list[_Prediction]] = {}
    for item in items:
        if item.part == RANDOM:
            for version, label in {**item.earlier, item.model_version: item.label}.items():
                drawn.setdefault(version, []).append((item.sha256, label))
    return [_measure(version, own, answers, (rows, components), task) for version, own in drawn.items()]


def _measure(
    version: str,
    drawn: list[_Prediction],
    answers: Answers,
    groups_of_rows: tuple[Mapping[str, int], Array],
    task: ReviewTask,
) -> LiveAccuracy:
    reviewed = [(digest, label, answers[digest]) for digest, label in drawn if digest in answers]
    decided = [
        (digest, label, answer) for digest, label, answer in reviewed
        if answer.target is not None and task.is_comparable(label, answer.target)
    ]  # fmt: skip
    correct = np.array([task.confirms(answer, label) for _, label, answer in decided], dtype=float)
    rows, components = groups_of_rows
    groups = components[[rows[digest] for digest, _, _ in decided]]
    count = len(np.unique(groups))
    if count == len(decided):
        accuracy = estimate_share(int(correct.sum()), len(decided))
    else:
        accuracy = estimate_means(correct[:, None], groups)[0]
    return LiveAccuracy(
        model_version=version, drawn=len(drawn), reviewed=len(reviewed), unsure=len(reviewed) - len(decided),
        correct=int(correct.sum()), groups=count, accuracy=accuracy,
    )  # fmt: skip
