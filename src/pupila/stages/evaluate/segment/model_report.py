"""The report on predicted masks: metrics with confidence intervals, baselines, and annotation agreement."""

from typing import Any

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import EvaluationSet, ModelReport
from pupila.stages.evaluate.segment.annotation_agreement import annotation_agreement
from pupila.stages.evaluate.segment.predictions import MaskPredictions
from pupila.statistics.metrics.overlap import FIGURES, OverlapCounts, summarise_overlaps
from pupila.statistics.metrics.segment import (
    best_constant_class,
    constant_counts,
    majority_class,
    pixel_accuracy,
)

FAILED_BELOW = 0.5  # IoU of an image
BINS = 20  # of a histogram over 0..1
_SHOWN, MOST_FAILED = 3, 12  # images shown of a kind; of failures


def report_model(predictions: MaskPredictions, on: EvaluationSet) -> ModelReport:
    """Evaluate a segmentation model."""
    names = on.data.classes
    overlaps = predictions.overlaps
    metrics: ModelReport = summarise_overlaps(overlaps, on.groups, names).model_dump()
    scores, counting = overlaps.scores
    images = np.flatnonzero(overlaps.labelled)
    low = images[scores[images, 0] < FAILED_BELOW]
    predicted_pixels = overlaps.regions.sum(axis=(0, 1))
    return {
        **metrics,
        "baseline": _baseline(overlaps.regions, names),
        "failures": {"below": FAILED_BELOW, "images": len(low)},
        "histograms": {
            name: np.histogram(column[there], BINS, (0, 1))[0].tolist()
            for name, column, there in zip(FIGURES, scores.T, counting.T, strict=True)
        },
        "examples": _choose_examples(predictions, on, images, len(low)),
        "predicted_classes": [name for name, pixels in zip(names, predicted_pixels, strict=True) if pixels],
        "annotation_agreement": annotation_agreement(on.data),
    }


def _baseline(regions: Array, names: list[str]) -> dict[str, Any]:
    """Always the same class: of pixel accuracy the most frequent one, else the one that scores best."""
    best, most = best_constant_class(regions), majority_class(regions)
    always = constant_counts(regions, best)
    # Where a constant's boundary lies depends on the masks, which are not kept: it has no boundary IoU.
    blank = np.zeros((*always.shape[:-1], 3), dtype=np.int64)
    labelled = OverlapCounts(always, blank).select(np.flatnonzero(regions.any(axis=(1, 2))))
    pooled = OverlapCounts(always.sum(axis=0)[None], blank[:1])
    return {
        "class": names[best],
        "per_image": dict(zip(FIGURES[:-1], labelled.scores[0].mean(axis=0).tolist(), strict=False)),
        "pooled": dict(zip(FIGURES[:-1], pooled.scores[0][0].tolist(), strict=False)),
        "pixel_accuracy": {
            "class": names[most], "value": float(pixel_accuracy(constant_counts(regions, most).sum(axis=0))),
        },
    }  # fmt: skip


def _choose_examples(
    predictions: MaskPredictions, on: EvaluationSet, images: Array, failed: int
) -> dict[str, list[dict[str, Any]]]:
    """Images of the lowest (all failures, up to 12), of the middle and of the highest IoU, none of them twice."""
    scores = predictions.overlaps.scores[0]
    order = images[np.argsort(scores[images, 0], kind="stable")].tolist()
    before = (len(order) - _SHOWN) // 2
    low = max(_SHOWN, min(failed, MOST_FAILED, before))
    middle = max(low, before)
    high = max(middle + _SHOWN, len(order) - _SHOWN)
    parts = {"worst": order[:low], "median": order[middle:middle + _SHOWN], "best": order[high:][::-1]}  # fmt: skip
    paths = on.data.images["image"]
    return {
        kind: [
            {"row": predictions.rows[i], "image": paths[predictions.rows[i]],
             **dict(zip(FIGURES, scores[i].tolist(), strict=True))}
            for i in part
        ]
        for kind, part in parts.items()
    }  # fmt: skip


def is_collapsed(report: ModelReport) -> bool:
    """Whether the model predicts a single class."""
    return len(report["predicted_classes"]) < 2


def few_groups(report: ModelReport) -> list[str]:
    """Classes with images that have too few groups for a confidence interval."""
    return [
        name
        for name, row in report["classes"].items()
        if row["images"] and row["pooled"]["iou"]["low"] is None
    ]
