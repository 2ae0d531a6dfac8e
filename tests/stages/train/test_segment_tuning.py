"""Calibration of segmentation models, on stored predictions made by hand."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.bundle.validation import ValidationSummary
from pupila.imaging.masks.codec import decode_png, encode_png
from pupila.stages.train.segment_tuning import StoredPrediction, calibrate_masks, quantize_probability
from pupila.statistics.metrics import segment as figures
from pupila.tasks.task import PostProcessing

Array = NDArray[Any]
IMAGES, SIDE = 24, 40
NOWHERE = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)


@dataclass(frozen=True)
class Plan:
    """The fields of a plan that calibration reads."""

    classes: tuple[str, ...] = ("land", "water")
    abstain_below: float = 0.0
    view: str = "resize"
    image_size: int = SIDE


@dataclass(frozen=True)
class Masks:
    """A data set's masks."""

    targets: list[Array]

    def mask(self, row: int) -> Array:
        return self.targets[row]


def targets() -> list[Array]:
    """A lake in each picture, of another width."""
    drawn = np.zeros((IMAGES, SIDE, SIDE), np.uint8)
    for number, mask in enumerate(drawn):
        mask[8:32, 6 : 14 + number % 20] = 1
    return list(drawn)


def decided(
    probabilities: list[Array], known: list[Array]
) -> tuple[PostProcessing, list[Array], ValidationSummary | None]:
    predictions = [
        StoredPrediction(encode_png(quantize_probability(item), 0), *sample(item, target))
        for item, target in zip(probabilities, known, strict=True)
    ]
    report = calibrate_masks(
        cast(Any, Plan()),
        cast(Any, Masks(known)),
        predictions,
        list(range(len(known))),
        np.arange(len(known)),
    )
    return report.post_processing, [decode_png(png) for png in report.predictions["mask"]], report.summary


def sample(probability: Array, target: Array) -> tuple[Array, Array]:
    likely = np.clip(probability.ravel()[::7], 0.01, 0.99)
    logits = np.stack([np.log(1 - likely), np.log(likely)], axis=1).astype(np.float32)
    return logits, target.ravel()[::7].astype(np.int64)


def test_a_better_threshold_than_a_half_is_used() -> None:
    known = targets()
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in known]
    for item in probabilities:
        item[8:20, 6:10] = 0.9  # a corner of each lake is sure
    post_processing, masks, validation = decided(probabilities, known)
    assert post_processing.positive == "water"
    assert post_processing.threshold is not None and 0.1 < post_processing.threshold <= 0.42
    assert all(np.array_equal(mask, target) for mask, target in zip(masks, known, strict=True))
    assert validation and validation.metrics["mean_dice"].value == 1


def test_a_gain_in_one_image_alone_changes_nothing() -> None:
    known = targets()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in known]
    probabilities[3][known[3] == 1] = 0.42
    post_processing, _, _ = decided(probabilities, known)
    assert (
        post_processing.threshold,
        post_processing.smallest_region,
        post_processing.largest_hole,
        post_processing.smooth,
    ) == (
        None,
        0,
        0,
        0,
    )


def test_specks_and_holes_are_removed_if_every_image_has_them() -> None:
    known = targets()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in known]
    for number, item in enumerate(probabilities):
        item[1:3, number : number + 2] = 0.9  # a speck of four pixels
        item[20:22, 9:11] = 0.1  # a hole of four
    post_processing, masks, _ = decided(probabilities, known)
    assert post_processing != PostProcessing()
    before = np.stack(
        [
            figures.confusion_counts(t, (p >= 0.5).astype(np.uint8), 2)
            for t, p in zip(known, probabilities, strict=True)
        ]
    )
    after = np.stack([figures.confusion_counts(t, m, 2) for t, m in zip(known, masks, strict=True)])
    assert figures.selection_score(after) > figures.selection_score(before)


def test_few_groups_change_nothing() -> None:
    known = targets()[:8]
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in known]
    post_processing, _, _ = decided(probabilities, known)
    assert post_processing == PostProcessing()
