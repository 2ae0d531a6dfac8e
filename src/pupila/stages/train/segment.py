"""Plan and finish the training of segmentation models: defaults, refusals, calibration and baseline."""

from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.predictions.segment import MASK
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, mark, say
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.imaging.masks.codec import encode_png
from pupila.learning.losses import OVERLAP_LOSSES, parse_loss
from pupila.learning.models.network import Network
from pupila.learning.trainers.segment import concatenate_masks
from pupila.stages.train.recipe import TrainingRecipe, ValidationResult
from pupila.stages.train.settings import (
    PROMPT_SETTINGS,
    TrainPlan,
    TrainSettings,
    skips_training,
)
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.overlap import OverlapCounts, summarise_overlaps
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.segment import MaskPredictions, PostProcessingTuner, tune_masks


def _is_collapsed(predictions: MaskPredictions) -> bool:
    """Whether all pixels of all images have the same predicted class."""
    return len(predictions) > 0 and len(predictions.predicted_classes()) < 2


def _calibrate(
    plan: TrainPlan, data: Dataset, predictions: MaskPredictions, rows: list[int], groups: Array
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
    tuner, classes = PostProcessingTuner(predictions, groups, spec), len(plan.classes)

    def score(target: Array, mask: Array) -> tuple[Array, Array, bytes]:
        return *tuner.count_overlap(target, mask), encode_png(mask, classes)

    results = list(tuner.map_masks(calibration.post_processing, score))
    summary = None
    if results:
        regions, boundaries = (np.stack([result[part] for result in results]) for part in (0, 1))
        summary = summarize_validation(OverlapCounts(regions, boundaries), groups, plan.classes)
    masks = pl.DataFrame({MASK: pl.Series([png for _, _, png in results], dtype=pl.Binary)})
    return ValidationResult(calibration, summary, masks)


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


def _check_settings(settings: TrainSettings, data: Dataset) -> None:
    if len(data.classes) < 2:
        raise PupilaError(
            say("Too few classes to train"), actual=say("one class: {names}", names=listing(data.classes)),
            expected=say("at least two classes"),
        )  # fmt: skip
    if skips_training(settings):
        raise PupilaError(
            say("A segmentation model needs training"), actual="epochs=0", expected=say("at least one epoch"),
            remedy="--epochs 20",
        )  # fmt: skip
    names = [name for _, name in parse_loss(settings.loss)] if settings.loss != "auto" else ["cross_entropy"]
    if settings.class_weights != "none" and all(name in OVERLAP_LOSSES for name in names):
        raise PupilaError(
            say("{loss} ignores class_weights", loss=settings.loss),
            remedy=say("--loss dice+cross_entropy or omit --class-weights"),
        )


def _default_settings(network: Network) -> dict[str, Any]:
    epochs = 3 if network.pretrained else 40
    return {"loss": "dice+cross_entropy", "epochs": epochs, "finetune_epochs": 24}


SEGMENT_RECIPE = TrainingRecipe(
    task=SEGMENT,
    defaults=_default_settings,
    augment="medium",
    unused_settings=(
        "head",
        "head_width",
        "dropout",
        "augmented_views",
        "sampling",
        "threshold",
        *PROMPT_SETTINGS,
    ),
    metric=figures.headline_metric,
    max_batch_size=8,
    concatenate=concatenate_masks,
    is_collapsed=_is_collapsed,
    calibrate=_calibrate,
    baseline=_baseline,
    check_settings=_check_settings,
    baseline_name=mark("every pixel '{name}'"),
)
