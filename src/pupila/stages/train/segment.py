"""Finish the training of segmentation models: calibration, metrics and baseline."""

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import RejectedPostProcessing, ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.imaging.masks.codec import encode_png
from pupila.learning.trainers.segment import concatenate_masks
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.task_settings.segment import SegmentTrainPlan
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.overlap import OverlapCounts, summarise_overlaps
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.calibration import Calibration
from pupila.tasks.tuning.segment import MaskPredictions, PostProcessingTuner, tune_masks


def _is_collapsed(predictions: MaskPredictions) -> bool:
    """Whether all pixels of all images have the same predicted class."""
    return len(predictions) > 0 and len(predictions.predicted_classes()) < 2


def _calibrate(
    plan: SegmentTrainPlan, data: Dataset, predictions: MaskPredictions, rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold and post-processing, and the metrics of the resulting masks.

    Args:
        plan: of the run.
        data: the data set.
        predictions: for V rows.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    spec = Preprocessing(view=plan.view, height=plan.image_size, width=plan.image_size)
    positive = plan.classes[1] if len(plan.classes) == 2 else None
    start = PostProcessing(abstain_below=plan.abstain_below)
    calibration = tune_masks(predictions, groups, spec, start, positive)
    tuner = PostProcessingTuner(predictions, groups, spec)

    def score(target: Array, mask: Array) -> tuple[Array, Array, bytes]:
        return *tuner.count_overlap(target, mask), encode_png(mask)

    results = list(tuner.map_masks(calibration.post_processing, score))
    summary = None
    if results:
        regions, boundaries = (np.stack([result[part] for result in results]) for part in (0, 1))
        summary = summarize_validation(OverlapCounts(regions, boundaries), groups, plan.classes)
        rejected = describe_rejected(calibration, plan.classes)
        summary = summary and summary.model_copy(update={"rejected_post_processing": rejected})
    masks = pl.DataFrame({MASK: pl.Series([png for _, _, png in results], dtype=pl.Binary)})
    return ValidationResult(calibration, summary, masks)


def describe_rejected(calibration: Calibration, classes: list[str]) -> tuple[RejectedPostProcessing, ...]:
    """The post-processing that costs one of these classes, as a bundle keeps it."""
    return tuple(
        RejectedPostProcessing(
            name=setting.name, value=setting.value, class_name=classes[setting.loss.number],
            iou_before=setting.loss.before, iou_after=setting.loss.after,
        )
        for setting in calibration.rejected
    )  # fmt: skip


def summarize_validation(
    overlaps: OverlapCounts, groups: Array, classes: list[str]
) -> ValidationSummary | None:
    """The validation metrics: the selection metric first, then means per image or pooled ones."""
    if not overlaps.labelled.any():
        return None
    summary = summarise_overlaps(overlaps, groups, classes)
    pooled = {f"pooled_{name}": estimate for name, estimate in summary.pooled.items()}
    means = {f"mean_{name}": distribution.mean for name, distribution in summary.per_image.items()}
    return ValidationSummary(
        n=summary.images,
        groups=summary.groups,
        metrics={**means, **pooled} if len(classes) == 2 else {**pooled, **means},
        baseline=baseline(overlaps.regions, classes),
    )


def baseline(counts: Array, classes: list[str]) -> Baseline:
    """The best constant mask, from (V, C, C) pixel counts."""
    best = figures.best_constant_class(counts)
    score = figures.selection_score(figures.constant_counts(counts, best))
    return Baseline(name=classes[best], metrics={figures.headline_metric(len(classes)): score})


def _baseline(data: Dataset, rows: list[int]) -> Baseline:
    """Metrics of the best constant mask."""
    counts = data.class_pixels[rows]
    matrices = np.zeros((len(rows), counts.shape[1], counts.shape[1]), dtype=np.int64)
    matrices[:, :, 0] = counts  # a constant mask only needs the target classes
    return baseline(matrices, data.classes)


SEGMENT_RECIPE = TrainingRecipe(
    task=SEGMENT,
    metric=figures.headline_metric,
    concatenate=concatenate_masks,
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=_baseline,
    baseline_name=mark("every pixel '{name}'"),
)
