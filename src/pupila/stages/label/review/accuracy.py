"""The result of an audit: the accuracy of the machine labels, its confidence interval, and their errors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from pupila.core.vocabulary import AUDIT_SCHEMA
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.sample import RANDOM, ReviewItem, Sample, population
from pupila.stages.label.review.session import Answer
from pupila.statistics.intervals import MIN_GROUPS, draws_to_halve_width, finite_interval, wilson_interval
from pupila.statistics.metrics.estimates import Estimate, estimate_means

Audit = dict[str, Any]
LARGE_SHARE = 0.05  # of the labels: from here on, sampling without replacement narrows the interval


def measure_accuracy(
    labels: pl.DataFrame,
    sample: Sample,
    items: Sequence[ReviewItem],
    answers: Mapping[str, Answer],
    groups: Array,
    classes: Sequence[str],
) -> Audit:
    """The audit as plain data; the accuracy is estimated from the random part alone.

    Args:
        labels: the machine labels, see `sample.read_machine_labels`.
        sample: that was drawn from them.
        items: of the sample.
        answers: of the reviewers, by the hash of the image.
        groups: group number of each row of the data set.
        classes: in index order; empty for masks, which were accepted or rejected.
    """
    labelled = population(labels)
    counts = dict(labelled["label"].value_counts().iter_rows()) if classes else {}
    at_random = [item for item in items if item.part == RANDOM]
    answered = [item for item in at_random if _has_answer(item, answers)]
    correct = np.array([_is_correct(item, answers) for item in answered], dtype=bool)
    unsure = sum(item.sha256 in answers and not _has_answer(item, answers) for item in at_random)
    uncertain = [item for item in items if item.part != RANDOM and item.label is not None]
    return {
        "schema": AUDIT_SCHEMA,
        "sample": asdict(sample),
        "label_type": "classes" if classes else "masks",
        "labellers": dict(labelled["labeller"].value_counts(sort=True).iter_rows()),
        "labels": labelled.height,
        "answered": sum(item.sha256 in answers for item in items),
        "items": len(items),
        "random": _estimate_accuracy(correct, unsure, len(at_random), labelled.height)
        | _estimate_by_group(correct, groups[[item.row for item in answered]]),
        "uncertain": {
            **_count_answers(uncertain, answers),
            "unlabelled": sum(item.label is None for item in items),
        },
        "classes": _measure_classes(answered, answers, classes, counts),
        "confusion_matrix": _confusion_matrix(answered, answers, classes),
        "confusions": _count_confusions(items, answers) if classes else [],
        "disagreements": _list_disagreements(items, answers),
    }


def _has_answer(item: ReviewItem, answers: Mapping[str, Answer]) -> bool:
    """Whether a reviewer gave an answer other than unsure."""
    answer = answers.get(item.sha256)
    return answer is not None and (answer.target is not None or answer.rejected)


def _is_correct(item: ReviewItem, answers: Mapping[str, Answer]) -> bool:
    return answers[item.sha256].target == item.label


def _count_answers(items: Sequence[ReviewItem], answers: Mapping[str, Answer]) -> dict[str, int]:
    answered = [item for item in items if _has_answer(item, answers)]
    return {
        "items": len(items),
        "answered": len(answered),
        "unsure": sum(item.sha256 in answers for item in items) - len(answered),
        "correct": sum(_is_correct(item, answers) for item in answered),
    }


def _estimate_accuracy(correct: Array, unsure: int, items: int, labels: int) -> dict[str, Any]:
    """The accuracy of `labels` labels, estimated from those that were drawn at random.

    Unsure answers are left out; `low_if_unsure_wrong` and `high_if_unsure_correct` bound the interval if all of them
    were wrong, or correct.
    """
    n, count = len(correct), int(correct.sum())
    return {
        "items": items,
        "answered": n,
        "unsure": unsure,
        "correct": count,
        "accuracy": estimate_share(count, n, labels),
        "low_if_unsure_wrong": estimate_share(count, n + unsure, labels)["low"],
        "high_if_unsure_correct": estimate_share(count + unsure, n + unsure, labels)["high"],
        "more_to_halve": draws_to_halve_width(count, n, labels)
        if n >= MIN_GROUPS and n + unsure < labels
        else None,
        "large_share": n > LARGE_SHARE * labels,
    }


def estimate_share(count: int, n: int, population_size: int | None = None) -> Estimate:
    """The share count / n with its 95 % confidence interval, which is missing below 10 items.

    Args:
        count: 0..n.
        n: items, drawn at random.
        population_size: number of items that they were drawn from; None: infinite.
    """
    if n < MIN_GROUPS and n != population_size:
        return {"value": count / n if n else None, "low": None, "high": None}
    low, high = (
        wilson_interval(count, n) if population_size is None else finite_interval(count, n, population_size)
    )
    return {"value": count / n if n else None, "low": low, "high": high}


def _estimate_by_group(correct: Array, groups: Array) -> dict[str, Any]:
    """The accuracy expected on images of unseen groups; None if every image is a group of its own."""
    count = len(np.unique(groups))
    if count == len(correct):
        return {"groups": count, "unseen_groups": None}
    return {"groups": count, "unseen_groups": estimate_means(correct[:, None].astype(float), groups)[0]}


def _measure_classes(
    answered: Sequence[ReviewItem],
    answers: Mapping[str, Answer],
    classes: Sequence[str],
    counts: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Precision and recall per class, from the random part."""
    measures = {}
    for name in classes:
        predicted = [item for item in answered if item.label == name]
        actual = [item for item in answered if answers[item.sha256].target == name]
        correct = sum(item.label == name for item in actual)
        measures[name] = {
            "labels": counts.get(name, 0), "predicted": len(predicted), "actual": len(actual), "correct": correct,
            "precision": estimate_share(correct, len(predicted), counts.get(name, 0)),
            "recall": estimate_share(correct, len(actual)),
        }  # fmt: skip
    return measures


def _confusion_matrix(
    answered: Sequence[ReviewItem], answers: Mapping[str, Answer], classes: Sequence[str]
) -> list[list[int]]:
    """Rows: answer of the reviewer; columns: machine label; from the random part."""
    pairs = Counter((answers[item.sha256].target, item.label) for item in answered)
    return [[pairs[actual, predicted] for predicted in classes] for actual in classes]


def _count_confusions(items: Sequence[ReviewItem], answers: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """Pairs of confused classes in all items, the most frequent first."""
    wrong = Counter(
        (str(answers[item.sha256].target), str(item.label))
        for item in items
        if item.label is not None and _has_answer(item, answers) and not _is_correct(item, answers)
    )
    ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"actual": actual, "predicted": predicted, "count": count} for (actual, predicted), count in ordered
    ]


def _list_disagreements(items: Sequence[ReviewItem], answers: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """Items with a wrong label, the highest confidence first."""
    wrong = [
        item
        for item in items
        if item.label is not None and _has_answer(item, answers) and not _is_correct(item, answers)
    ]
    wrong.sort(key=lambda item: (-(item.confidence or 0), item.sha256))
    return [
        {
            "image": item.image, "sha256": item.sha256, "part": item.part, "label": item.label,
            "answer": answers[item.sha256].target, "reviewer": answers[item.sha256].reviewer,
            "confidence": item.confidence,
        }
        for item in wrong
    ]  # fmt: skip
