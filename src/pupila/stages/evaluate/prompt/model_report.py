"""Judging prompted masks, way by way: every figure with its interval, failures, and what depends on the prompt."""

from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import Compared, Judged
from pupila.stages.evaluate.prompt.predictions import PromptAnswers
from pupila.stages.evaluate.prompt.units import (
    AT_BORDER,
    COUNTS,
    FURTHER,
    JITTERS,
    MORE_POINTS,
    OTHER_BOXES,
    Units,
)
from pupila.stages.evaluate.segment.compare import paired
from pupila.stages.evaluate.segment.model_report import BINS, FAILED_BELOW, MOST_FAILED
from pupila.stages.evaluate.verdicts import decided
from pupila.statistics.metrics.estimates import Valued, means
from pupila.statistics.metrics.overlap import FIGURES, summary
from pupila.statistics.tests import mcnemar
from pupila.tasks.prompt_strategies import POINTS, WAYS, Way
from pupila.tasks.segment import things

BY = "IoU per mask"
_SHOWN = 2  # things shown of a kind
_BANDS = 10  # of the expected IoU


def judge(answers: PromptAnswers, units: Units, data: Dataset) -> Judged:
    """What the report says of a model, or of a trivial answer."""
    return {
        "prompted": bool(answers.further.size),
        "ways": {way.name: _of_way(answers, way, units, data) for way in WAYS},
        "sensitivity": _sensitivity(answers, units.groups) if answers.further.size else None,
    }


def _of_way(answers: PromptAnswers, way: Way, units: Units, data: Dataset) -> Judged:
    found = answers.overlaps(way)
    told = summary(found, units.groups, ["elsewhere", "here"])
    scores, images = found.scores[0], data.images["image"]
    failed = np.flatnonzero(answers.scores(way) < FAILED_BELOW)
    return {
        "masks": told["images"], "groups": told["groups"], "per_mask": told["per_image"], "pooled": told["pooled"],
        "histograms": {
            name: np.histogram(column, BINS, (0, 1))[0].tolist() for name, column in zip(FIGURES, scores.T, strict=True)
        },
        "failures": {
            "below": FAILED_BELOW, "masks": len(failed),
            "which": [{"image": images[units.rows[i]], "class": data.classes[units.numbers[i]],
                       "IoU": float(answers.scores(way)[i])} for i in failed],
        },
        "classes": _classes(answers.scores(way), units, data.classes),
        "expected": _expected(answers.quality[:, WAYS.index(way)], answers.scores(way), units.groups),
    }  # fmt: skip


def _classes(scores: Array, units: Units, names: list[str]) -> dict[str, Any]:
    """The mean IoU of each class that is there."""
    told, numbers = {}, np.array(units.numbers)
    for number, name in things(names).items():
        own = numbers == number
        if own.any():
            groups = units.groups[own]
            told[name] = {
                "masks": int(own.sum()), "groups": len(np.unique(groups)), "IoU": means(scores[own, None], groups)[0],
            }  # fmt: skip
    return told


def _expected(quality: Array, scores: Array, groups: Array) -> dict[str, Any] | None:
    """How far the IoU that the model expects is off; None of what expects none."""
    if np.isnan(quality).any():
        return None
    band = np.minimum((quality * _BANDS).astype(int), _BANDS - 1)
    return {
        "error": means(np.abs(quality - scores)[:, None], groups)[0],
        "bands": [
            {"expected": float(quality[band == k].mean()), "IoU": float(scores[band == k].mean()),
             "masks": int((band == k).sum())}
            for k in np.unique(band)
        ],
    }  # fmt: skip


def _sensitivity(answers: PromptAnswers, groups: Array) -> dict[str, Any]:
    """The mean IoU with other prompts."""
    values = dict(zip((way.name for way in FURTHER), means(answers.further, groups), strict=True))

    def row(ways: tuple[Way, ...], steps: tuple[float, ...]) -> list[dict[str, Any]]:
        return [{"at": step, **values[way.name]} for way, step in zip(ways, steps, strict=True)]

    anywhere: Valued = means(answers.scores(POINTS)[:, None], groups)[0]
    return {
        "points": row(MORE_POINTS, COUNTS),
        "jitter": row(OTHER_BOXES, JITTERS),
        "border": {"anywhere": anywhere, "at the border": values[AT_BORDER.name]},
    }


def compare(
    first: PromptAnswers, others: list[PromptAnswers], baselines: list[PromptAnswers], units: Units
) -> list[Compared]:
    """Each other model and each trivial answer beside the first, way by way, thing by thing: differences are first
    minus other."""
    return decided([
        {
            "name": other.name, "version": other.version, "way": way.name, "trivial": trivial,
            **_in_images(paired(first.overlaps(way), other.overlaps(way), units.groups, BY), units),
            "failures": _failures(first.scores(way), other.scores(way)),
        }
        for way in WAYS for trivial, part in ((False, others), (True, baselines)) for other in part
    ])  # fmt: skip


def _in_images(row: Compared, units: Units) -> Compared:
    wanted, images = row["images_to_settle"], len(set(units.rows))
    return {**row, "images_to_settle": wanted and round(wanted * images / len(units.rows))}


def _failures(first: Array, other: Array) -> dict[str, Any]:
    ours, theirs = first < FAILED_BELOW, other < FAILED_BELOW
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return {
        "first": int(ours.sum()), "other": int(theirs.sum()), "only_first": only_ours, "only_other": only_theirs,
        "p_value": mcnemar(only_ours, only_theirs),
    }  # fmt: skip


def shown(
    first: PromptAnswers, rival: PromptAnswers | None, units: Units, data: Dataset
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Of each way the things of the largest gain over the rival, of the median one, of the largest loss, and failures.

    Without a rival: those of the highest, the median and the lowest IoU.
    """
    told = {}
    for way in WAYS:
        ours = first.scores(way)
        theirs = None if rival is None else rival.scores(way)
        order = np.argsort(ours if theirs is None else ours - theirs, kind="stable")
        lowest = ours if theirs is None else np.minimum(ours, theirs)
        failed = np.flatnonzero(lowest < FAILED_BELOW)
        middle = max(_SHOWN, (len(order) - _SHOWN) // 2)
        parts: dict[str, Any] = {
            "best": order[max(middle + _SHOWN, len(order) - _SHOWN):][::-1], "median": order[middle:middle + _SHOWN],
            "worst": order[:_SHOWN], "failures": _failed(failed, ours, theirs),
        }  # fmt: skip
        told[way.name] = {
            kind: [_one(int(i), ours, theirs, units, data) for i in part] for kind, part in parts.items()
        }
    return told


def _failed(failed: Array, ours: Array, theirs: Array | None) -> list[int]:
    """Failures of both, by turns the worst of ours and the worst of theirs that are not told yet."""
    turns = [
        failed[np.argsort(of[failed], kind="stable")].tolist() for of in (ours, theirs) if of is not None
    ]
    told: dict[int, None] = dict.fromkeys(one for pair in zip(*turns, strict=True) for one in pair)
    return list(told)[:MOST_FAILED]


def _one(i: int, ours: Array, theirs: Array | None, units: Units, data: Dataset) -> dict[str, Any]:
    return {
        "row": units.rows[i], "image": data.images["image"][units.rows[i]], "class": data.classes[units.numbers[i]],
        "IoU": float(ours[i]), "rival": None if theirs is None else float(theirs[i]),
    }  # fmt: skip
