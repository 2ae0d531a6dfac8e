"""The report on prompted masks, for each prompt strategy: metrics, failures, and sensitivity to the prompt."""

from collections.abc import Sequence

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.evaluation.prompt import (
    FailedMask,
    FailureComparison,
    IouBand,
    PredictedIou,
    PromptComparison,
    PromptedClass,
    PromptExample,
    PromptExamples,
    PromptFailures,
    PromptResults,
    PromptSensitivity,
    PromptVariation,
    StrategyResult,
)
from pupila.imaging.images.decode import Array
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
from pupila.statistics.estimate import Estimate
from pupila.statistics.metrics.estimates import estimate_means
from pupila.statistics.metrics.overlap import FIGURES, summarise_overlaps
from pupila.statistics.tests import mcnemar
from pupila.tasks.prompt_strategies import POINTS, PROMPT_STRATEGIES, PromptStrategy
from pupila.tasks.segment import foreground_classes

DECIDES = "iou"  # the metric whose mean decides a comparison
_SHOWN = 2  # examples of a kind
_BANDS = 10  # of the predicted IoU


def report_results(predictions: PromptPredictions, targets: PromptedTargets, data: Dataset) -> PromptResults:
    """Evaluate a model or a baseline."""
    return PromptResults(
        promptable=bool(predictions.sensitivity.size),
        strategies={
            strategy.name: _report_strategy(predictions, strategy, targets, data)
            for strategy in PROMPT_STRATEGIES
        },
        sensitivity=_report_sensitivity(predictions, targets.groups)
        if predictions.sensitivity.size
        else None,
    )


def _report_strategy(
    predictions: PromptPredictions, strategy: PromptStrategy, targets: PromptedTargets, data: Dataset
) -> StrategyResult:
    overlaps, scores = predictions.overlaps(strategy), predictions.scores(strategy)
    summary = summarise_overlaps(overlaps, targets.groups, ["background", "foreground"])
    failed, images = np.flatnonzero(scores < FAILED_BELOW), data.images["image"]
    return StrategyResult(
        masks=summary.images,
        groups=summary.groups,
        per_mask=summary.per_image,
        pooled=summary.pooled,
        histograms={
            name: np.histogram(column, BINS, (0, 1))[0].tolist()
            for name, column in zip(FIGURES, overlaps.scores[0].T, strict=True)
        },
        failures=PromptFailures(
            below=FAILED_BELOW, masks=len(failed),
            instances=[
                FailedMask(image=images[targets.rows[i]], class_name=data.classes[targets.class_indices[i]],
                           iou=float(scores[i]))
                for i in failed
            ],
        ),
        classes=_report_classes(scores, targets, data.classes),
        predicted_iou=_report_predicted_iou(
            predictions.predicted_iou[:, PROMPT_STRATEGIES.index(strategy)], scores, targets.groups
        ),
    )  # fmt: skip


def _report_classes(scores: Array, targets: PromptedTargets, names: list[str]) -> dict[str, PromptedClass]:
    """The mean IoU of each class that has masks."""
    rows, numbers = {}, np.array(targets.class_indices)
    for number, name in foreground_classes(names).items():
        own = numbers == number
        if own.any():
            groups = targets.groups[own]
            rows[name] = PromptedClass(
                masks=int(own.sum()), groups=len(np.unique(groups)), iou=_mean(scores[own], groups)
            )
    return rows


def _mean(values: Array, groups: Array) -> Estimate:
    return estimate_means(values[:, None], groups)[0]


def _report_predicted_iou(predicted: Array, scores: Array, groups: Array) -> PredictedIou | None:
    """The error of the predicted IoU; None for a model that predicts none."""
    if np.isnan(predicted).any():
        return None
    band = np.minimum((predicted * _BANDS).astype(int), _BANDS - 1)
    return PredictedIou(
        error=_mean(np.abs(predicted - scores), groups),
        bands=[
            IouBand(predicted_iou=float(predicted[band == k].mean()), iou=float(scores[band == k].mean()),
                    masks=int((band == k).sum()))
            for k in np.unique(band)
        ],
    )  # fmt: skip


def _report_sensitivity(predictions: PromptPredictions, groups: Array) -> PromptSensitivity:
    """The mean IoU for other prompts."""
    names = [strategy.name for strategy in SENSITIVITY_STRATEGIES]
    estimates = dict(zip(names, estimate_means(predictions.sensitivity, groups), strict=True))

    def vary(strategies: tuple[PromptStrategy, ...], steps: tuple[float, ...]) -> list[PromptVariation]:
        return [
            PromptVariation(at=step, **dict(estimates[strategy.name]))
            for strategy, step in zip(strategies, steps, strict=True)
        ]

    return PromptSensitivity(
        points=vary(POINT_STRATEGIES, POINT_COUNTS),
        jitter=vary(BOX_STRATEGIES, BOX_JITTERS),
        anywhere=_mean(predictions.scores(POINTS), groups),
        border=estimates[BORDER_STRATEGY.name],
    )


def compare(
    first: PromptPredictions,
    others: Sequence[PromptPredictions],
    baselines: Sequence[PromptPredictions],
    targets: PromptedTargets,
) -> list[PromptComparison]:
    """Each other model and each baseline compared with the first, mask by mask; differences are first minus other."""
    return add_verdicts([
        _compare_pair(first, other, strategy, targets, is_baseline)
        for strategy in PROMPT_STRATEGIES
        for is_baseline, part in ((False, others), (True, baselines)) for other in part
    ])  # fmt: skip


def _compare_pair(
    first: PromptPredictions, other: PromptPredictions, strategy: PromptStrategy, targets: PromptedTargets,
    is_baseline: bool,
) -> PromptComparison:  # fmt: skip
    paired = compare_pair(first.overlaps(strategy), other.overlaps(strategy), targets.groups, DECIDES)
    masks_to_settle, images = paired.images_to_settle, len(set(targets.rows))
    return PromptComparison(
        name=other.name, version=other.version, strategy=strategy.name, is_baseline=is_baseline,
        failures=_compare_failures(first.scores(strategy), other.scores(strategy)),
        **{
            **vars(paired),
            "images_to_settle": masks_to_settle and round(masks_to_settle * images / len(targets.rows)),
        },
    )  # fmt: skip


def _compare_failures(first: Array, other: Array) -> FailureComparison:
    ours, theirs = first < FAILED_BELOW, other < FAILED_BELOW
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    return FailureComparison(
        first=int(ours.sum()), other=int(theirs.sum()), only_first=only_ours, only_other=only_theirs,
        p_value=mcnemar(only_ours, only_theirs),
    )  # fmt: skip


def choose_examples(
    first: PromptPredictions, rival: PromptPredictions | None, targets: PromptedTargets, data: Dataset
) -> dict[str, PromptExamples]:
    """For each prompt strategy the largest gains over the rival, the median, the largest losses, and failures.

    Without a rival: the highest, the median and the lowest IoU.
    """
    examples = {}
    for strategy in PROMPT_STRATEGIES:
        ours = first.scores(strategy)
        theirs = None if rival is None else rival.scores(strategy)
        order = np.argsort(ours if theirs is None else ours - theirs, kind="stable").tolist()
        lowest = ours if theirs is None else np.minimum(ours, theirs)
        failed = _pick_failures(np.flatnonzero(lowest < FAILED_BELOW), ours, theirs)
        middle = max(_SHOWN, (len(order) - _SHOWN) // 2)
        best = order[max(middle + _SHOWN, len(order) - _SHOWN) :][::-1]
        parts = {
            "best": best,
            "median": order[middle : middle + _SHOWN],
            "worst": order[:_SHOWN],
            "failures": failed,
        }
        examples[strategy.name] = PromptExamples(**{
            kind: [_make_example(i, ours, theirs, targets, data) for i in part] for kind, part in parts.items()
        })  # fmt: skip
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
) -> PromptExample:
    return PromptExample(
        row=targets.rows[index], image=data.images["image"][targets.rows[index]],
        class_name=data.classes[targets.class_indices[index]],
        iou=float(ours[index]), rival_iou=None if theirs is None else float(theirs[index]),
    )  # fmt: skip
