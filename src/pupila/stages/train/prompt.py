"""Finish the training of promptable models: calibration, metrics and baseline."""

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.prompt_targets import PromptTarget, find_prompt_targets
from pupila.artifacts.predictions.prompt import iou_column
from pupila.core.messages import mark, say
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.learning.trainers.prompt_outputs import PromptedTarget, PromptPredictions, concatenate_prompts
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.segment import describe_rejected
from pupila.stages.train.task_settings.prompt import PromptTrainPlan
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.overlap import OverlapCounts, summarise_overlaps
from pupila.statistics.metrics.segment import confusion_counts, iou
from pupila.tasks.prompt import PROMPT
from pupila.tasks.prompt_strategies import BOX, PROMPT_STRATEGIES, fill_box
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.prompt import OBJECT_NAME, tune_prompts
from pupila.tasks.tuning.segment import PostProcessingTuner

METRIC = "mean_iou"  # selects the epoch: over all targets and prompt strategies
_NAMES = ["background", OBJECT_NAME]  # classes of a prompt's mask


def _is_collapsed(predictions: PromptPredictions) -> bool:
    """Whether every predicted mask is full, or every one empty."""
    return len(predictions.masks) > 0 and len(predictions.masks.predicted_classes()) < 2


def _calibrate(
    plan: PromptTrainPlan, data: Dataset, predictions: PromptPredictions, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold and post-processing, and the metrics for points and boxes.

    Args:
        plan: of the run.
        data: the data set.
        predictions: for the prompts of V rows; rows without foreground have none.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    group_of = dict(zip(rows, groups.tolist(), strict=True))
    own = np.array([group_of[prompted.row] for prompted in predictions.prompted], dtype=np.int64)
    spec = Preprocessing(height=plan.image_size, width=plan.image_size)
    start = PostProcessing(abstain_below=plan.abstain_below)
    calibration = tune_prompts(predictions.masks, own, spec, start)
    if not predictions.prompted:
        return ValidationResult(calibration, None, _tabulate_scores([], [], rows))
    tuner = PostProcessingTuner(predictions.masks, own, spec)
    overlaps = tuner.count_overlaps(calibration.post_processing)
    scores = iou(overlaps.regions)[:, 1].tolist()
    summary = _summarize_validation(overlaps, predictions.prompted, own, data)
    return ValidationResult(
        calibration,
        summary.model_copy(update={"rejected_post_processing": describe_rejected(calibration, _NAMES)}),
        _tabulate_scores(scores, predictions.prompted, rows),
    )


def _summarize_validation(
    overlaps: OverlapCounts, prompted: list[PromptedTarget], groups: Array, data: Dataset
) -> ValidationSummary:
    """The validation metrics: the selection metric first, then means for each prompt strategy."""
    metrics = {METRIC: summarise_overlaps(overlaps, groups, _NAMES).per_image["iou"].mean}
    for strategy in PROMPT_STRATEGIES:
        own = np.array([number for number, target in enumerate(prompted) if target.strategy == strategy.name])
        summary = summarise_overlaps(overlaps.select(own), groups[own], _NAMES)
        metrics |= {f"mean_{name}_{strategy.name}": summary.per_image[name].mean for name in ("iou", "dice")}
    rows = list(dict.fromkeys(target.row for target in prompted))
    return ValidationSummary(
        n=len(rows), groups=len(set(groups.tolist())), metrics=metrics, baseline=baseline(data, rows)
    )


def _tabulate_scores(scores: list[float], prompted: list[PromptedTarget], rows: list[int]) -> pl.DataFrame:
    """Columns of `oof.parquet`: the mean IoU over the classes of each row, for each prompt strategy."""
    columns: dict[str, list[float | None]] = {}
    for strategy in PROMPT_STRATEGIES:
        of: dict[int, list[float]] = {}
        for target, score in zip(prompted, scores, strict=True):
            if target.strategy == strategy.name:
                of.setdefault(target.row, []).append(score)
        columns[iou_column(strategy.name)] = [float(np.mean(of[row])) if row in of else None for row in rows]
    return pl.DataFrame({name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()})


def baseline(data: Dataset, rows: list[int]) -> Baseline:
    """The baseline that fills the box of each target."""

    def score(target: PromptTarget) -> float:
        box = target.make_prompt(BOX).box
        assert box is not None  # the strategy is a box
        return float(iou(confusion_counts(target.target, fill_box(box, target.target.shape), 2))[1])

    def scores(row: int) -> list[float]:
        return [score(target) for target in find_prompt_targets(data, row)]

    every = [score for row_scores in prefetch(rows, scores) for score in row_scores]
    return Baseline(name=say("filled box"), metrics={METRIC: float(np.mean(every)) if every else 0.0})


PROMPT_RECIPE = TrainingRecipe(
    task=PROMPT,
    metric=lambda classes: METRIC,
    concatenate=concatenate_prompts,
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=baseline,
    baseline_name=mark("filled box"),
)  # fmt: skip
