"""The accuracy of a service on the images that it gets, from those that were drawn at random."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from pupila.core.records import Record
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.estimate import estimate_share
from pupila.stages.label.review.queue_file import QueueItem
from pupila.stages.label.review.review_task import Answers, ReviewTask
from pupila.stages.label.review.sample import RANDOM
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.estimates import estimate_means


class LiveAccuracy(Record):
    """Of one model."""

    model_version: str = Field(description="hash of the bundle")
    drawn: int = Field(description="images of the random part that it predicted")
    reviewed: int = Field(description="of them those with an annotator's label")
    unsure: int = Field(description="of them those whose reviewer was unsure; they are left out")
    correct: int
    groups: int = Field(description="of related images, among the reviewed")
    accuracy: Estimate


def measure_live_accuracy(
    items: Sequence[QueueItem], answers: Answers, rows: Mapping[str, int], components: Array, task: ReviewTask
) -> list[LiveAccuracy]:
    """The accuracy of each model version, from the random part alone.

    Args:
        items: of the queue.
        answers: of reviewers, by the hash of the image.
        rows: of the data set, by the hash of the image.
        components: number of the group of each row.
        task: how the labels are reviewed.
    """
    drawn = [item for item in items if item.part == RANDOM]
    return [
        _measure([item for item in drawn if item.model_version == version], answers, rows, components, task)
        for version in dict.fromkeys(item.model_version for item in drawn)
    ]


def _measure(
    drawn: list[QueueItem], answers: Answers, rows: Mapping[str, int], components: Array, task: ReviewTask
) -> LiveAccuracy:
    pairs = [(item, answers[item.sha256]) for item in drawn if item.sha256 in answers]
    decided = [
        (item, answer) for item, answer in pairs
        if answer.target is not None and task.is_comparable(item.label, answer.target)
    ]  # fmt: skip
    correct = np.array([task.confirms(answer, item.label) for item, answer in decided], dtype=float)
    groups = components[[rows[item.sha256] for item, _ in decided]]
    count = len(np.unique(groups))
    if count == len(decided):
        accuracy = estimate_share(int(correct.sum()), len(decided))
    else:
        accuracy = estimate_means(correct[:, None], groups)[0]
    return LiveAccuracy(
        model_version=drawn[0].model_version, drawn=len(drawn), reviewed=len(pairs),
        unsure=len(pairs) - len(decided), correct=int(correct.sum()), groups=count, accuracy=accuracy,
    )  # fmt: skip
