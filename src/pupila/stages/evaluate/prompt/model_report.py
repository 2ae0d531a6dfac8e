"""The report on prompted masks, for each prompt strategy: metrics, failures, and sensitivity to the prompt."""

from typing import Any

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import Comparison, ModelReport
from pupila.stages.evaluate.prompt.predictions import PromptPredictions
from pupila.stages.evaluate.prompt.targets import (
    BORDER_STRATEGY,
    BOX_JITTERS,
    BOX_STRATEGIES,
    POINT_COUNTS,
    POINT_STRATEGIES,
    SENSITIVITY_STRATEGIES,
    PromptedTargets,
)
from pupila.stages.evaluate.segment.compare import compare_pair
from pupila.stages.evaluate.segment.model_report import BINS, FAILED_BELOW, MOST_FAILED
from pupila.stages.evaluate.verdicts import add_verdicts
from pupila.statistics.metrics.estimates import estimate_means
from pupila.statistics.metrics.overlap import FIGURES, summarise_overlaps
from pupila.statistics.tests import mcnemar
from pupila.tasks.prompt_strategies import POINTS, PROMPT_STRATEGIES, PromptStrategy
from pupila.tasks.segment import foreground_classes

BY = "iou"  # the metric whose mean decides
_SHOWN = 2  # examples of a kind
_BANDS = 10  # of the predicted IoU


def report_model(predictions: PromptPredictions, targets: PromptedTargets, data: Dataset) -> ModelReport:
    """Evaluate a model or a baseline."""
    return {
        "promptable": bool(predictions.sensitivity.size),
        "strategies": {
            strategy.name: _report_strategy(predictions, strategy, targets, data)
            for strategy in PROMPT_STRATEGIES
        },
        "sensitivity": _report_sensitivity(predictions, targets.groups)
        if predictions.sensitivity.size
        else None,
    }


def _report_strategy(
    predictions: PromptPredictions, strategy: PromptStrategy, targets: PromptedTargets, data: Dataset
) -> ModelReport:
    overlaps = predictions.overlaps(strategy)
    metrics = summarise_overlaps(overlaps, targets.groups, ["background", "foreground"]).model_dump()
    scores, images = overlaps.scores[0], data.images["image"]
    failed = np.flatnonzero(predictions.scores(strategy) < FAILED_BELOW)
    return {
        "masks": metrics["images"], "groups": metrics["groups"], "per_mask": metrics["per_image"],
        "pooled": metrics["pooled"],
        "histograms": {
            name: np.histogram(column, BINS, (0, 1))[0].tolist() for name, column in zip(FIGURES, scores.T, strict=True)
        },
        "failures": {
            "below": FAILED_BELOW, "masks": len(failed),
            "instances": [{"image": images[targets.rows[i]], "class": data.classes[targets.class_indices[i]],
                       "iou": float(predictions.scores(strategy)[i])} for i in failed],
        },
        "classes": _classes(predictions.scores(strategy), targets, data.classes),
        "predicted_iou": _report_predicted_iou(
            predictions.predicted_iou[:, PROMPT_STRATEGIES.index(strategy)], predictions.scores(strategy),
            targets.groups,
        ),
    }  # fmt: skip


def _classes(scores: Array, targets: PromptedTargets, names: list[str]) -> dict[str, Any]:
    """The mean IoU of each class that has masks."""
    rows, numbers = {}, np.array(targets.class_indices)
    for number, name in foreground_classes(names).items():
        own = numbers == number
        if own.any():
            groups = targets.groups[own]
            rows[name] = {
                "masks": int(own.sum()), "groups": len(np.unique(groups)),
                "iou": estimate_means(scores[own, None], groups)[0].model_dump(),
            }  # fmt: skip
    return rows


def _report_predicted_iou(predicted: Array, scores: Array, groups: Array) -> dict[str, Any] | None:
    """The error of the predicted IoU; None for a model that predicts none."""
    if np.isnan(predicted).any():
        return None
    band = np.minimum((predicted * _BANDS).astype(int), _BANDS - 1)
    return {
        "error": estimate_means(np.abs(predicted - scores)[:, None], groups)[0].model_dump(),
        "bands": [
            {"predicted_iou": float(predicted[band == k].mean()), "iou": float(scores[band == k].mean()),
             "masks": int((band == k).sum())}
            for k in np.unique(band)
        ],
    }  # fmt: skip


def _report_sensitivity(predictions: PromptPredictions, groups: Array) -> dict[str, Any]:
    """The mean IoU for other prompts."""
    values = dict(
        zip(
            (strategy.name for strategy in SENSITIVITY_STRATEGIES),
            (estimate.model_dump() for estimate in estimate_means(predictions.sensitivity, groups)),
            strict=True,
        )
    )

    def row(strategies: tuple[PromptStrategy, ...], steps: tuple[float, ...]) -> list[dict[str, Any]]:
        return [
            {"at": step, **values[strategy.name]} for strategy, step in zip(strategies, steps, strict=True)
        ]

    anywhere = estimate_means(predictions.scores(POINTS)[:, None], groups)[0].model_dump()
    return {
        "points": row(POINT_STRATEGIES, POINT_COUNTS),
        "jitter": row(BOX_STRATEGIES, BOX_JITTERS),
        "border": {"anywhere": anywhere, "at the border": values[BORDER_STRATEGY.name]},
    }


def compare(
    first: PromptPredictions,
    others: list[PromptPredictions],
    baselines: list[PromptPredictions],
    targets: PromptedTargets,
) -> list[Comparison]:
    """Each other model and each baseline compared with the first, mask by mask; differences are first minus other."""
    return add_verdicts([
        {
            "name": other.name, "version": other.version, "strategy": strategy.name,
            "is_baseline": is_baseline,
            **_in_images(compare_pair(first.overlaps(strategy), other.overlaps(strategy), targets.groups, BY), targets),
            "failures": _failures(first.scores(strategy), other.scores(strategy)),
        }
        for strategy in PROMPT_STRATEGIES
        for is_baseline, part in ((False, others), (True, baselines)) for other in part
    ])  # fmt: skip


def _in_images(row: Comparison, targets: PromptedTargets) -> Comparison:
    masks_to_settle, images = row["images_to_settle"], len(set(targets.rows))
    return {
        **row,
        "images_to_settle": masks_to_settle and round(masks_to_settle * images / len(targets.rows)),
    }


def _failures(first: Array, other: Array) -> dict[str, Any]:
    ours, theirs = first < FAILED_BELOW, other < FAILED_BELOW
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return {
        "first": int(ours.sum()), "other": int(theirs.sum()), "only_first": only_ours, "only_other": only_theirs,
        "p_value": mcnemar(only_ours, only_theirs),
    }  # fmt: skip


def choose_examples(
    first: PromptPredictions, rival: PromptPredictions | None, targets: PromptedTargets, data: Dataset
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """For each prompt strategy the largest gains over the rival, the median, the largest losses, and failures.

    Without a rival: the highest, the median and the lowest IoU.
    """
    examples = {}
    for strategy in PROMPT_STRATEGIES:
        ours = first.scores(strategy)
        theirs = None if rival is None else rival.scores(strategy)
        order = np.argsort(ours if theirs is None else ours - theirs, kind="stable")
        lowest = ours if theirs is None else np.minimum(ours, theirs)
        failed = np.flatnonzero(lowest < FAILED_BELOW)
        middle = max(_SHOWN, (len(order) - _SHOWN) // 2)
        parts: dict[str, Any] = {
            "best": order[max(middle + _SHOWN, len(order) - _SHOWN):][::-1], "median": order[middle:middle + _SHOWN],
            "worst": order[:_SHOWN], "failures": _pick_failures(failed, ours, theirs),
        }  # fmt: skip
        examples[strategy.name] = {
            kind: [_make_example(int(i), ours, theirs, targets, data) for i in part]
            for kind, part in parts.items()
        }
    return examples


def _pick_failures(failed: Array, ours: Array, theirs: Array | None) -> list[int]:
    """Failures of both models: alternately the worst of ours and the worst of theirs, each once."""
    turns = [
        failed[np.argsort(scores[failed], kind="stable")].tolist()
        for scores in (ours, theirs)
        if scores is not None
    ]
    picked: dict[int, None] = dict.fromkeys(index for pair in zip(*turns, strict=True) for index in pair)
    return list(picked)[:MOST_FAILED]


def _make_example(
    index: int, ours: Array, theirs: Array | None, targets: PromptedTargets, data: Dataset
) -> dict[str, Any]:
    return {
        "row": targets.rows[index], "image": data.images["image"][targets.rows[index]],
        "class": data.classes[targets.class_indices[index]],
        "iou": float(ours[index]), "rival_iou": None if theirs is None else float(theirs[index]),
    }  # fmt: skip
