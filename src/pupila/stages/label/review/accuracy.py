"""What an audit found: how often the machines' labels are right, how sure that is, and where they go wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from pupila.core.vocabulary import SCHEMA_VERSION
from pupila.imaging.images.decode import Array
from pupila.stages.label.review.sample import RANDOM, Draw, Question, population
from pupila.stages.label.review.session import Answer
from pupila.statistics.intervals import FEW_GROUPS, finite_interval, more_to_halve, wilson_interval
from pupila.statistics.metrics.estimates import Valued, means

Audit = dict[str, Any]
LARGE = 0.05  # share of the labels from which on drawing without putting back narrows the interval


def judge(
    labels: pl.DataFrame,
    draw: Draw,
    asked: Sequence[Question],
    answers: Mapping[str, Answer],
    groups: Array,
    classes: Sequence[str],
) -> Audit:
    """The audit as plain data; accuracy is that of the random part alone.

    Args:
        labels: the machines', see `sample.machine_labels`.
        draw: what was asked.
        asked: the questions.
        answers: by the hash of the picture.
        groups: group number of each row of the data set.
        classes: in order; empty for masks, which were accepted or rejected.
    """
    about = population(labels)
    counts = dict(about["said"].value_counts().iter_rows()) if classes else {}
    at_random = [one for one in asked if one.part == RANDOM]
    told = [one for one in at_random if _answered(one, answers)]
    right = np.array([_right(one, answers) for one in told], dtype=bool)
    unsure = sum(one.sha256 in answers and not _answered(one, answers) for one in at_random)
    doubted = [one for one in asked if one.part != RANDOM and one.said is not None]
    return {
        "schema": SCHEMA_VERSION,
        "draw": asdict(draw),
        "kind": "classes" if classes else "masks",
        "labellers": dict(about["labeller"].value_counts(sort=True).iter_rows()),
        "labels": about.height,
        "answered": sum(one.sha256 in answers for one in asked),
        "asked": len(asked),
        "random": _accuracy(right, unsure, len(at_random), about.height)
        | _of_groups(right, groups[[one.row for one in told]]),
        "doubtful": {
            **_counts(doubted, answers),
            "without_label": sum(one.said is None for one in asked),
        },
        "classes": _classes(told, answers, classes, counts),
        "matrix": _matrix(told, answers, classes),
        "confused": _confused(asked, answers) if classes else [],
        "disagreements": _disagreements(asked, answers),
    }


def _answered(one: Question, answers: Mapping[str, Answer]) -> bool:
    """Whether the person was sure."""
    answer = answers.get(one.sha256)
    return answer is not None and (answer.target is not None or answer.rejected)


def _right(one: Question, answers: Mapping[str, Answer]) -> bool:
    return answers[one.sha256].target == one.said


def _counts(some: Sequence[Question], answers: Mapping[str, Answer]) -> dict[str, int]:
    told = [one for one in some if _answered(one, answers)]
    return {
        "asked": len(some),
        "answered": len(told),
        "unsure": sum(one.sha256 in answers for one in some) - len(told),
        "right": sum(_right(one, answers) for one in told),
    }


def _accuracy(right: Array, unsure: int, asked: int, labels: int) -> dict[str, Any]:
    """The share of right labels among so many, of which some were drawn at random.

    Unsure answers are left out; `at_worst` and `at_best` are the interval's ends if all of them were wrong, or right.
    """
    n, good = len(right), int(right.sum())
    return {
        "asked": asked,
        "answered": n,
        "unsure": unsure,
        "right": good,
        "accuracy": share(good, n, labels),
        "at_worst": share(good, n + unsure, labels)["low"],
        "at_best": share(good + unsure, n + unsure, labels)["high"],
        "more_to_halve": more_to_halve(good, n, labels) if n >= FEW_GROUPS and n + unsure < labels else None,
        "large_share": n > LARGE * labels,
    }


def share(right: int, n: int, labels: int | None = None) -> Valued:
    """A share of n with its 95 % interval, none under 10.

    Args:
        right: 0..n.
        n: drawn at random.
        labels: of which they were drawn; None: of an endless number.
    """
    if n < FEW_GROUPS and n != labels:
        return {"value": right / n if n else None, "low": None, "high": None}
    low, high = wilson_interval(right, n) if labels is None else finite_interval(right, n, labels)
    return {"value": right / n if n else None, "low": low, "high": high}


def _of_groups(right: Array, groups: Array) -> dict[str, Any]:
    """What the same answers say of pictures to come, which are of other groups; None where each stands alone."""
    count = len(np.unique(groups))
    if count == len(right):
        return {"groups": count, "new_groups": None}
    return {"groups": count, "new_groups": means(right[:, None].astype(float), groups)[0]}


def _classes(
    told: Sequence[Question], answers: Mapping[str, Answer], classes: Sequence[str], counts: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """Of the random part, by class: labels that are right of those that say so, and of the pictures that are so."""
    found = {}
    for name in classes:
        said = [one for one in told if one.said == name]
        true = [one for one in told if answers[one.sha256].target == name]
        good = sum(one.said == name for one in true)
        found[name] = {
            "labels": counts.get(name, 0), "said": len(said), "true": len(true), "right": good,
            "precision": share(good, len(said), counts.get(name, 0)), "recall": share(good, len(true)),
        }  # fmt: skip
    return found


def _matrix(
    told: Sequence[Question], answers: Mapping[str, Answer], classes: Sequence[str]
) -> list[list[int]]:
    """Row what the person said, column what the machine said; of the random part."""
    pairs = Counter((answers[one.sha256].target, one.said) for one in told)
    return [[pairs[person, machine] for machine in classes] for person in classes]


def _confused(asked: Sequence[Question], answers: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """What was taken for what, of all that was asked, the most frequent first."""
    wrong = Counter(
        (str(answers[one.sha256].target), str(one.said))
        for one in asked
        if one.said is not None and _answered(one, answers) and not _right(one, answers)
    )
    ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
    return [{"is": person, "said": machine, "times": times} for (person, machine), times in ordered]


def _disagreements(asked: Sequence[Question], answers: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """Pictures whose label is wrong, the surest first."""
    wrong = [
        one for one in asked if one.said is not None and _answered(one, answers) and not _right(one, answers)
    ]
    wrong.sort(key=lambda one: (-(one.confidence or 0), one.sha256))
    return [
        {
            "image": one.image, "sha256": one.sha256, "part": one.part, "machine": one.said,
            "person": answers[one.sha256].target, "by": answers[one.sha256].by, "confidence": one.confidence,
        }
        for one in wrong
    ]  # fmt: skip
