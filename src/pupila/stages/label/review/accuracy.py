"""The report of an audit: the accuracy of the machine labels, its confidence interval, and their errors."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pupila.artifacts.report.audit import AuditReport, Disagreement, RandomPart, UncertainPart
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.estimate import estimate_share
from pupila.stages.label.review.review_task import Answer, Answers, ReviewTask
from pupila.stages.label.review.sample import RANDOM, UNCERTAIN, ReviewItem, population
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, draws_to_halve_width
from pupila.statistics.metrics.estimates import estimate_means

LARGE_SHARE = 0.05  # of the labels: from here on, sampling without replacement narrows the interval


def measure_accuracy(
    labels: pl.DataFrame, items: Sequence[ReviewItem], answers: Answers, groups: Array, task: ReviewTask
) -> AuditReport:
    """The report; the accuracy is estimated from the random part alone.

    Args:
        labels: the machine labels, see `sample.read_machine_labels`.
        items: of the sample that was drawn from them.
        answers: of the reviewers, by the hash of the image.
        groups: group number of each row of the data set.
        task: how the labels were reviewed.
    """
    labelled = population(labels)
    return AuditReport(
        target=task.target,
        labellers=dict(labelled["labeller"].value_counts(sort=True).iter_rows()),
        labels=labelled.height,
        items=len(items),
        completed=sum(item.sha256 in answers for item in items),
        random=_measure_random_part(items, answers, groups, labelled.height, task),
        uncertain=_measure_uncertain_part(items, answers, task),
        by_class=task.measure_classes(items, answers, dict(labelled["label"].value_counts().iter_rows())),
        disagreements=_list_disagreements(items, answers, task),
    )


def _measure_random_part(
    items: Sequence[ReviewItem], answers: Answers, groups: Array, labels: int, task: ReviewTask
) -> RandomPart:
    """The accuracy of `labels` labels, estimated from those that were drawn at random."""
    drawn = [item for item in items if item.part == RANDOM]
    answered = [item for item in drawn if task.has_answer(item, answers)]
    unsure = sum(item.sha256 in answers for item in drawn) - len(answered)
    correct = np.array([task.is_correct(item, answers) for item in answered], dtype=bool)
    n, count = len(answered), int(correct.sum())
    own_groups = groups[[item.row for item in answered]]
    return RandomPart(
        items=len(drawn),
        reviewed=n,
        abstained=unsure,
        correct=count,
        accuracy=estimate_share(count, n, labels),
        low_if_abstained_wrong=estimate_share(count, n + unsure, labels).low,
        high_if_abstained_correct=estimate_share(count + unsure, n + unsure, labels).high,
        more_to_halve=draws_to_halve_width(count, n, labels)
        if n >= MIN_GROUPS and n + unsure < labels
        else None,
        large_share=n > LARGE_SHARE * labels,
        groups=len(np.unique(own_groups)),
        unseen_groups=_estimate_for_unseen_groups(correct, own_groups),
    )


def _estimate_for_unseen_groups(correct: Array, groups: Array) -> Estimate | None:
    """The accuracy expected on images of unseen groups; None if every image is a group of its own."""
    if len(np.unique(groups)) == len(correct):
        return None
    return estimate_means(correct[:, None].astype(float), groups)[0]


def _measure_uncertain_part(items: Sequence[ReviewItem], answers: Answers, task: ReviewTask) -> UncertainPart:
    uncertain = [item for item in items if item.part == UNCERTAIN and item.label is not None]
    answered = [item for item in uncertain if task.has_answer(item, answers)]
    return UncertainPart(
        items=len(uncertain), reviewed=len(answered),
        abstained=sum(item.sha256 in answers for item in uncertain) - len(answered),
        correct=sum(task.is_correct(item, answers) for item in answered),
        unlabelled=sum(item.label is None for item in items),
    )  # fmt: skip


def _list_disagreements(
    items: Sequence[ReviewItem], answers: Answers, task: ReviewTask
) -> list[Disagreement]:
    """Items with a wrong label, the highest confidence first."""
    wrong = task.wrong_items(items, answers)
    wrong.sort(key=lambda item: (-(item.confidence or 0), item.sha256))
    return [_describe_disagreement(item, answers[item.sha256]) for item in wrong]


def _describe_disagreement(item: ReviewItem, answer: Answer) -> Disagreement:
    assert item.part is not None and item.label is not None  # of an audit, and wrong
    return Disagreement(
        image=item.image, sha256=item.sha256, part=item.part, label=item.label, correction=answer.target,
        reviewer=answer.reviewer, confidence=item.confidence,
    )  # fmt: skip
