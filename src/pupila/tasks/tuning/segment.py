"""Tune a segmentation model: temperature, threshold and post-processing, from quantised predictions in memory.

A threshold or post-processing is used only if its gain is significant, and if no class pays for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch
from pupila.imaging.images.preprocess import Preprocessing
from pupila.statistics.intervals import MIN_GROUPS, bootstrap_mean
from pupila.statistics.metrics import segment as figures
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.calibration import fit_temperature
from pupila.statistics.metrics.overlap import OverlapCounts
from pupila.statistics.tests import SIGNIFICANT, holm, sign_flip
from pupila.tasks.segment import post_process
from pupila.tasks.task import Array, PostProcessing
from pupila.tasks.tuning.calibration import Calibration, RejectedSetting
from pupila.tasks.tuning.class_loss import find_largest_loss

LEVELS = 254  # quantisation steps of a probability; the middle one is 0.5
OBJECTIVE = "mean_dice"
THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))  # candidates for the foreground
# Post-processing parameters as shares of the image, tried in this order, each on top of the previous choices.
CANDIDATES: dict[str, tuple[float, ...]] = {
    "smooth": (0.01, 0.02),
    "largest_hole": (0.0005, 0.002, 0.01),
    "smallest_region": (0.0005, 0.002, 0.01),
}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class MaskPredictions:
    """Predictions for V images before threshold and post-processing are chosen, with their ground truth."""

    levels: Sequence[Array]  # V of (H, W) uint8: see `quantise`
    targets: Sequence[Array]  # V of (H, W) uint8 class index, or IGNORE
    logits: Array  # (S, C) float32 of some labelled pixels of all images
    pixels: Array  # (S,) int64 class indices of these pixels

    @property
    def classes(self) -> int:
        """C."""
        return int(self.logits.shape[1])

    def __len__(self) -> int:
        return len(self.levels)

    def predicted_classes(self) -> set[int]:
        """The classes that are predicted anywhere, without a tuned threshold."""
        present: set[int] = set()
        for plane in self.levels:
            present.update(
                np.unique(plane >= LEVELS // 2 if self.classes == 2 else plane).astype(int).tolist()
            )
            if len(present) == self.classes:
                break
        return present


def quantise(probabilities: Array) -> Array:
    """(H, W) uint8 of (C, H, W) probabilities.

    Of two classes the level 0..254 of the foreground probability, in which 127 is 0.5; of more the most probable class.
    """
    if len(probabilities) == 2:
        return quantise_foreground(probabilities[1])
    return np.asarray(probabilities.argmax(axis=0).astype(np.uint8))


def quantise_foreground(probability: Array) -> Array:
    """(H, W) foreground probability as uint8 levels; 127 is 0.5."""
    return np.asarray((probability * LEVELS + 0.5).astype(np.uint8))


def tune_masks(
    predictions: MaskPredictions,
    groups: Array,
    spec: Preprocessing,
    start: PostProcessing,
    positive: str | None,
) -> Calibration:
    """Temperature, threshold and post-processing.

    Args:
        predictions: for V images.
        groups: (V,) group numbers.
        spec: gives the size to which the shares of post-processing refer.
        start: post-processing that the tuned values are added to.
        positive: name of the foreground of two classes; None: no threshold is tried.
    """  # fmt: skip
    if not len(predictions):
        return Calibration(1.0, start)
    temperature = fit_temperature(predictions.logits, predictions.pixels)
    tuner = PostProcessingTuner(predictions, groups, spec)
    post_processing, rejected = tuner.tune(start, positive)
    return Calibration(temperature, post_processing, tuple(rejected))


@dataclass(frozen=True, slots=True)
class PostProcessingTuner:
    """Chooses threshold and post-processing on the predictions.

    Args:
        predictions: for V images.
        groups: (V,) group numbers.
        spec: gives the size to which the shares of post-processing refer.
    """

    predictions: MaskPredictions
    groups: Array
    spec: Preprocessing

    def tune(
        self, start: PostProcessing, positive: str | None
    ) -> tuple[PostProcessing, list[RejectedSetting]]:
        """The post-processing with the values that improve it significantly, and those that would cost a class."""
        rejected: list[RejectedSetting] = []
        raw = self.count_pixels([start])[0]
        with progress(say("tuning post-processing"), 1 + len(CANDIDATES)) as advance:
            if positive is not None:
                named = {"positive": positive, "objective": OBJECTIVE}
                values = [value for value in THRESHOLDS if value != 0.5]
                candidates = [start.model_copy(update={**named, "threshold": value}) for value in values]
                start = self.pick_best(raw, start, candidates, "threshold", rejected)
            advance(1)
            for name, shares in CANDIDATES.items():
                candidates = [start.model_copy(update={name: share}) for share in shares]
                start = self.pick_best(raw, start, candidates, name, rejected)
                advance(1)
        return start, rejected

    def pick_best(
        self,
        raw: Array,
        current: PostProcessing,
        candidates: list[PostProcessing],
        name: str,
        rejected: list[RejectedSetting],
    ) -> PostProcessing:
        """The candidate with the largest significant gain that costs no class; the current one if there is none.

        One of several candidates can help by chance, so the tests are Holm-corrected. What a class loses is measured
        against the raw masks, as several steps could each cost it a little.

        Args:
            raw: (V, C, C) pixel counts before any of them.
            current: the post-processing so far.
            candidates: each with another value of one field.
            name: of that field.
            rejected: gets the best candidate, where it costs a class.
        """
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
            float(gain.mean()) if p < SIGNIFICANT and bootstrap_mean(groups, gain)[0] > 0 else 0.0
            for gain, p in zip(gained, p_values, strict=True)
        ]
        losses = []
        for place in sorted(range(len(gains)), key=lambda place: -gains[place]):
            if gains[place] <= 0:
                break
            loss = find_largest_loss(raw[labelled], after[place][labelled], groups)
            if loss is None:
                current = candidates[place]
                break
            losses.append(RejectedSetting(name, getattr(candidates[place], name), loss))
        rejected += losses[:1]
        return current

    def count_pixels(self, candidates: list[PostProcessing]) -> Array:
        """(P, V, C, C) pixel counts for P candidates of post-processing."""
        classes = self.predictions.classes
        plain = classes == 2 and not any(_cleans_up(candidate) for candidate in candidates)

        def count_image(number: int) -> Array:
            levels, target = self.predictions.levels[number], self.predictions.targets[number]
            if plain:
                return count_thresholds(
                    levels, target, [first_level(candidate.threshold) for candidate in candidates]
                )
            masks = (self._mask(levels, candidate) for candidate in candidates)
            return np.stack([figures.confusion_counts(target, mask, classes) for mask in masks])

        return np.stack(list(prefetch(range(len(self.predictions)), count_image)), axis=1)

    def map_masks(
        self, post_processing: PostProcessing, make: Callable[[Array, Array], Result]
    ) -> Iterator[Result]:
        """`make(target, mask)` for each image, in order, with its (H, W) uint8 mask after post-processing."""

        def make_one(number: int) -> Result:
            mask = self._mask(self.predictions.levels[number], post_processing)
            return make(self.predictions.targets[number], mask)

        return prefetch(range(len(self.predictions)), make_one)

    def count_overlaps(self, post_processing: PostProcessing) -> OverlapCounts:
        """Pixel counts of the masks after post-processing."""
        counts = self.map_masks(post_processing, self.count_overlap)
        regions, boundaries = (np.stack(part) for part in zip(*counts, strict=True))
        return OverlapCounts(regions, boundaries)

    def count_overlap(self, target: Array, mask: Array) -> tuple[Array, Array]:
        """(C, C) pixel counts and (C, 3) boundary counts of one mask."""
        classes = self.predictions.classes
        return figures.confusion_counts(target, mask, classes), boundary_counts(target, mask, classes)

    def _mask(self, levels: Array, post_processing: PostProcessing) -> Array:
        if self.predictions.classes == 2:
            levels = (levels >= first_level(post_processing.threshold)).astype(np.uint8)
        return post_process(levels, post_processing, self.spec)


def first_level(threshold: float | None) -> int:
    """The lowest level that counts as foreground; without a threshold that of 0.5."""
    return round((0.5 if threshold is None else threshold) * LEVELS)


def count_thresholds(levels: Array, target: Array, first: list[int]) -> Array:
    """(P, 2, 2) pixel counts for P thresholds, from one histogram instead of P masks.

    Args:
        levels: (H, W) uint8: see `quantise`.
        target: (H, W) uint8: 0, 1, or IGNORE, which never counts.
        first: for each threshold the lowest level that counts as foreground.
    """
    histogram = np.bincount(target.ravel().astype(np.intp) * 256 + levels.ravel(), minlength=512)[:512]
    below = np.concatenate([np.zeros((2, 1), np.int64), histogram.reshape(2, 256).cumsum(axis=1)], axis=1)
    background = below[:, first]  # (2, P)
    return np.stack([background, below[:, -1:] - background], axis=2).transpose(1, 0, 2)


def _cleans_up(post_processing: PostProcessing) -> bool:
    return bool(post_processing.smooth or post_processing.largest_hole or post_processing.smallest_region)
