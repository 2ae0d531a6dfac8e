"""Calibrate a trained segmentation model on validation: temperature, threshold and post-processing.

A threshold or post-processing is used only if its gain is significant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.imaging.masks.codec import decode_png, encode_png
from pupila.stages.train.recipe import ValidationResult
from pupila.stages.train.settings import TrainPlan
from pupila.statistics.intervals import MIN_GROUPS, bootstrap
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.overlap import OverlapCounts, summarise_overlaps
from pupila.statistics.tests import SIGNIFICANT, holm, sign_flip
from pupila.tasks.segment import post_process
from pupila.tasks.task import PostProcessing

_LEVELS = 254  # quantization steps of a stored probability; the middle one is 0.5
THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))  # candidates for the foreground
# Post-processing parameters as shares of the image, tried in this order, each on top of the previous choices.
CANDIDATES: dict[str, tuple[float, ...]] = {
    "smooth": (0.01, 0.02),
    "largest_hole": (0.0005, 0.002, 0.01),
    "smallest_region": (0.0005, 0.002, 0.01),
}


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """The stored prediction for one image, until threshold and post-processing are chosen."""

    png: bytes  # (H, W): quantized foreground probability for two classes, else the most probable class
    logits: Array  # (S, C) float32 of some labelled pixels
    targets: Array  # (S,) int64 class indices

    def classes(self) -> set[int]:
        """The classes that are predicted anywhere."""
        pixels = decode_png(self.png)
        return set(
            np.unique(pixels >= _LEVELS // 2 if self.logits.shape[1] == 2 else pixels).astype(int).tolist()
        )


def quantize_probability(probability: Array) -> Array:
    """(H, W) probabilities as uint8 levels; 127 is 0.5."""
    return (probability * _LEVELS + 0.5).astype(np.uint8)


def decode_mask(prediction: StoredPrediction, post_processing: PostProcessing, spec: Preprocessing) -> Array:
    """(H, W) uint8 class indices of a stored prediction after post-processing."""
    pixels = decode_png(prediction.png)
    if prediction.logits.shape[1] > 2:
        return post_process(pixels, post_processing, spec)
    level = 0.5 if post_processing.threshold is None else post_processing.threshold
    return post_process((pixels >= round(level * _LEVELS)).astype(np.uint8), post_processing, spec)


@dataclass(frozen=True, slots=True)
class PostProcessingTuner:
    """Chooses threshold and post-processing on the validation predictions.

    Args:
        spec: gives the image size to which shares refer.
        classes: C.
        predictions: V of them.
        read_target: number of a prediction to its (H, W) uint8 target.
        groups: (V,) group numbers.
    """

    spec: Preprocessing
    classes: int
    predictions: list[StoredPrediction]
    read_target: Callable[[int], Array]
    groups: Array

    def count_pixels(self, candidates: list[PostProcessing]) -> Array:
        """(P, V, C, C) pixel counts for P candidates of post-processing."""

        def count_image(number: int) -> Array:
            target = self.read_target(number)
            masks = (decode_mask(self.predictions[number], candidate, self.spec) for candidate in candidates)
            return np.stack([figures.confusion_counts(target, mask, self.classes) for mask in masks])

        return np.stack(list(prefetch(range(len(self.predictions)), count_image)), axis=1)

    def pick_best(self, current: PostProcessing, changes: list[dict[str, Any]]) -> PostProcessing:
        """The post-processing with the change of largest significant gain; unchanged if no gain is significant.

        One of several candidates can help by chance, so the tests are Holm-corrected.
        """
        candidates = [current.model_copy(update=change) for change in changes]
        before, *after = self.count_pixels([current, *candidates])
        labelled = before.any(axis=(1, 2))
        groups = self.groups[labelled]
        if len(np.unique(groups)) < MIN_GROUPS:
            return current
        metric = figures.METRICS[figures.selection_metric(before.shape[-1])]
        scores = figures.image_scores(np.stack([before, *after])[:, labelled], metric)
        gained = scores[1:] - scores[0]
        p_values = holm([sign_flip(gain, groups) for gain in gained])
        gains = [
            float(gain.mean()) if p < SIGNIFICANT and _has_positive_gain(gain, groups) else 0.0
            for gain, p in zip(gained, p_values, strict=True)
        ]
        return candidates[int(np.argmax(gains))] if max(gains) > 0 else current

    def count_overlaps(self, post_processing: PostProcessing) -> tuple[OverlapCounts, list[bytes]]:
        """Pixel counts of the final masks, and the masks as PNG."""
        classes = self.classes

        def count_image(number: int) -> tuple[Array, Array, bytes]:
            target = self.read_target(number)
            mask = decode_mask(self.predictions[number], post_processing, self.spec)
            return (
                figures.confusion_counts(target, mask, classes),
                boundary_counts(target, mask, classes),
                encode_png(mask, classes),
            )

        results = list(prefetch(range(len(self.predictions)), count_image))
        regions, boundaries = (np.stack([result[part] for result in results]) for part in (0, 1))
        return OverlapCounts(regions, boundaries), [png for _, _, png in results]


def _has_positive_gain(gained: Array, groups: Array) -> bool:
    """Whether the 95 % interval of the mean gain, resampled by group, lies above 0."""
    low, _ = bootstrap(groups, lambda times: np.asarray(times @ gained / times.sum(axis=1)))
    return bool(low > 0)


def calibrate_masks(
    plan: TrainPlan, data: Dataset, predictions: list[StoredPrediction], rows: list[int], groups: Array
) -> ValidationResult:
    """Temperature, threshold and post-processing, and the metrics of the resulting masks.

    Args:
        plan: of the run.
        data: the data set.
        predictions: for V rows.
        rows: V row numbers.
        groups: (V,) group numbers.
    """
    post_processing = PostProcessing(abstain_below=plan.abstain_below)
    if not predictions:
        return ValidationResult(
            1.0, post_processing, None, pl.DataFrame({"mask": pl.Series([], dtype=pl.Binary)})
        )
    targets = np.concatenate([prediction.targets for prediction in predictions])
    temperature = fit_temperature(np.concatenate([prediction.logits for prediction in predictions]), targets)
    spec = Preprocessing(view=plan.view, height=plan.image_size, width=plan.image_size)
    tuning = PostProcessingTuner(
        spec, len(plan.classes), predictions, lambda number: data.mask(rows[number]), groups
    )
    threshold = {"positive": plan.classes[1], "objective": "mean_dice"} if len(plan.classes) == 2 else None
    post_processing = tune_post_processing(tuning, post_processing, threshold)
    overlaps, pngs = tuning.count_overlaps(post_processing)
    validation = summarize_validation(overlaps, groups, plan.classes)
    return ValidationResult(
        temperature, post_processing, validation, pl.DataFrame({"mask": pl.Series(pngs, dtype=pl.Binary)})
    )


def tune_post_processing(
    tuning: PostProcessingTuner, start: PostProcessing, threshold: dict[str, Any] | None
) -> PostProcessing:
    """The post-processing with the threshold and the parameters that improve it significantly.

    Args:
        tuning: measures each candidate.
        start: post-processing to start from.
        threshold: fields to set with a threshold; None: no threshold is tried.
    """
    with progress(say("tuning post-processing"), 1 + len(CANDIDATES)) as advance:
        if threshold is not None:
            changes = [{**threshold, "threshold": value} for value in THRESHOLDS if value != 0.5]
            start = tuning.pick_best(start, changes)
        advance(1)
        for name, values in CANDIDATES.items():
            start = tuning.pick_best(start, [{name: value} for value in values])
            advance(1)
    return start


def summarize_validation(
    overlaps: OverlapCounts, groups: Array, classes: list[str]
) -> ValidationSummary | None:
    """The validation metrics for `bundle.json`: the selection metric first, then means per image or pooled ones."""
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
