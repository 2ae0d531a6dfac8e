"""Judging masks: every figure with its interval, beside the constant baselines and the ceiling of the labels."""

from typing import Any

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import Bench, Judged
from pupila.stages.evaluate.segment.ceiling import ceiling
from pupila.stages.evaluate.segment.predictions import MaskAnswers
from pupila.statistics.metrics.overlap import FIGURES, Overlaps, summary
from pupila.statistics.metrics.segment import (
    best_constant,
    chosen_by,
    constant,
    most_frequent,
    pixel_accuracy,
)

FAILED_BELOW = 0.5  # IoU of an image
BINS = 20  # of a histogram over 0..1
_SHOWN, MOST_FAILED = 3, 12  # images shown of a kind; of failures


def headline(classes: int) -> tuple[str, str]:
    """(place, figure) in the summary that a verdict starts with, by which training chooses, too."""
    return "per_image" if classes == 2 else "pooled", chosen_by(classes)


def judge(answers: MaskAnswers, bench: Bench) -> Judged:
    """What the report says of a model for masks."""
    names = bench.data.classes
    found = answers.overlaps
    told: Judged = summary(found, bench.groups, names)
    scores, counting = found.scores
    images = np.flatnonzero(found.labelled)
    low = images[scores[images, 0] < FAILED_BELOW]
    answered = found.regions.sum(axis=(0, 1))
    return {
        **told,
        "baseline": _baseline(found.regions, names),
        "failures": {"below": FAILED_BELOW, "images": len(low)},
        "histograms": {
            name: np.histogram(column[there], BINS, (0, 1))[0].tolist()
            for name, column, there in zip(FIGURES, scores.T, counting.T, strict=True)
        },
        "shown": _shown(answers, bench, images, len(low)),
        "answered": [name for name, pixels in zip(names, answered, strict=True) if pixels],
        "ceiling": ceiling(bench.data),
    }


def _baseline(regions: Array, names: list[str]) -> dict[str, Any]:
    """Always the same class: of pixel accuracy the most frequent one, else the one that scores best."""
    best, most = best_constant(regions), most_frequent(regions)
    always = constant(regions, best)
    # Where a constant's boundary lies depends on the masks, which are not kept: it has no boundary IoU.
    blank = np.zeros((*always.shape[:-1], 3), dtype=np.int64)
    kept = Overlaps(always, blank).on(np.flatnonzero(regions.any(axis=(1, 2))))
    pooled = Overlaps(always.sum(axis=0)[None], blank[:1])
    return {
        "class": names[best],
        "per_image": dict(zip(FIGURES[:-1], kept.scores[0].mean(axis=0).tolist(), strict=False)),
        "pooled": dict(zip(FIGURES[:-1], pooled.scores[0][0].tolist(), strict=False)),
        "pixel accuracy": {
            "class": names[most], "value": float(pixel_accuracy(constant(regions, most).sum(axis=0))),
        },
    }  # fmt: skip


def _shown(answers: MaskAnswers, bench: Bench, images: Array, failed: int) -> dict[str, list[dict[str, Any]]]:
    """Images of the lowest (all failures, up to 12), of the middle and of the highest IoU, none of them twice."""
    scores = answers.overlaps.scores[0]
    order = images[np.argsort(scores[images, 0], kind="stable")].tolist()
    before = (len(order) - _SHOWN) // 2
    low = max(_SHOWN, min(failed, MOST_FAILED, before))
    middle = max(low, before)
    high = max(middle + _SHOWN, len(order) - _SHOWN)
    parts = {"worst": order[:low], "median": order[middle:middle + _SHOWN], "best": order[high:][::-1]}  # fmt: skip
    paths = bench.data.images["image"]
    return {
        kind: [
            {"row": answers.rows[i], "image": paths[answers.rows[i]],
             **dict(zip(FIGURES, scores[i].tolist(), strict=True))}
            for i in part
        ]
        for kind, part in parts.items()
    }  # fmt: skip


def collapsed(told: Judged) -> bool:
    """Whether one class alone was answered."""
    return len(told["answered"]) < 2


def few_groups(told: Judged) -> list[str]:
    """Classes that are there and have too few groups for an interval."""
    return [
        name for name, row in told["classes"].items() if row["images"] and row["pooled"]["IoU"]["low"] is None
    ]
