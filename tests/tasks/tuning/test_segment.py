"""Tuning of masks, on predictions made by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.preprocess import Preprocessing
from pupila.statistics.metrics import segment as figures
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.calibration import Calibration
from pupila.tasks.tuning.segment import (
    LEVELS,
    THRESHOLDS,
    MaskPredictions,
    PostProcessingTuner,
    count_thresholds,
    first_level,
    quantise,
    tune_masks,
)

Array = NDArray[Any]
IMAGES, SIDE = 24, 40
SPEC = Preprocessing(height=SIDE, width=SIDE)


def draw_targets() -> list[Array]:
    """A lake in each picture, of another width."""
    drawn = np.zeros((IMAGES, SIDE, SIDE), np.uint8)
    for number, mask in enumerate(drawn):
        mask[8:32, 6 : 14 + number % 20] = 1
    return list(drawn)


def predict(probabilities: list[Array], targets: list[Array]) -> MaskPredictions:
    likely = np.clip(np.stack(probabilities).ravel()[::7], 0.01, 0.99)
    return MaskPredictions(
        [quantise(np.stack([1 - item, item])) for item in probabilities],
        targets,
        np.stack([np.log(1 - likely), np.log(likely)], axis=1).astype(np.float32),
        np.stack(targets).ravel()[::7].astype(np.int64),
    )


def tune(probabilities: list[Array], targets: list[Array]) -> tuple[PostProcessing, list[Array]]:
    """The post-processing, and the masks after it."""
    predictions, groups = predict(probabilities, targets), np.arange(len(targets))
    post_processing = tune_masks(predictions, groups, SPEC, PostProcessing(), "water").post_processing
    tuner = PostProcessingTuner(predictions, groups, SPEC)
    return post_processing, list(tuner.map_masks(post_processing, lambda target, mask: mask))


def test_a_better_threshold_than_a_half_is_used() -> None:
    targets = draw_targets()
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in targets]
    for item in probabilities:
        item[8:20, 6:10] = 0.9  # a corner of each lake is sure
    post_processing, masks = tune(probabilities, targets)
    assert post_processing.positive == "water"
    assert post_processing.threshold is not None and 0.1 < post_processing.threshold <= 0.42
    assert all(np.array_equal(mask, target) for mask, target in zip(masks, targets, strict=True))


def test_a_gain_in_one_image_alone_changes_nothing() -> None:
    targets = draw_targets()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in targets]
    probabilities[3][targets[3] == 1] = 0.42
    assert tune(probabilities, targets)[0] == PostProcessing()


def test_specks_and_holes_are_removed_if_every_image_has_them() -> None:
    targets = draw_targets()
    probabilities = [np.where(mask == 1, 0.95, 0.05).astype(np.float32) for mask in targets]
    for number, item in enumerate(probabilities):
        item[1:3, number : number + 2] = 0.9  # a speck of four pixels
        item[20:22, 9:11] = 0.1  # a hole of four
    post_processing, masks = tune(probabilities, targets)
    assert post_processing.smooth or (post_processing.largest_hole and post_processing.smallest_region)

    def score(masks: list[Array]) -> float:
        pairs = zip(targets, masks, strict=True)
        return figures.selection_score(np.stack([figures.confusion_counts(t, m, 2) for t, m in pairs]))

    assert score(masks) > score([(item >= 0.5).astype(np.uint8) for item in probabilities])


def test_few_groups_change_nothing() -> None:
    targets = draw_targets()[:8]
    probabilities = [np.where(mask == 1, 0.42, 0.1).astype(np.float32) for mask in targets]
    assert tune(probabilities, targets)[0] == PostProcessing()


def test_no_predictions_change_nothing() -> None:
    nothing = MaskPredictions([], [], np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    start = PostProcessing(abstain_below=0.3)
    calibration = tune_masks(nothing, np.zeros(0, np.int64), SPEC, start, "water")
    assert (calibration.temperature, calibration.post_processing) == (1.0, start)


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_histogram_counts_what_the_mask_of_each_threshold_counts(unlabelled: bool) -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, LEVELS + 1, (30, 40)).astype(np.uint8)
    target = rng.integers(0, 2, (30, 40)).astype(np.uint8)
    target[:3] = IGNORE if unlabelled else target[:3]
    first = [0, *(first_level(value) for value in THRESHOLDS), 255]
    expected = [figures.confusion_counts(target, (levels >= level).astype(np.uint8), 2) for level in first]
    assert np.array_equal(count_thresholds(levels, target, first), np.stack(expected))


def test_the_middle_level_is_a_half_and_rounding_is_to_the_nearest() -> None:
    foreground = np.array([[0.0, 0.5, 1.0, 0.4990, 0.4961]], np.float32)
    # 0.4990 x 254 = 126.7 and 0.4961 x 254 = 126.0
    assert quantise(np.stack([1 - foreground, foreground])).tolist() == [[0, 127, 254, 127, 126]]
    assert first_level(None) == 127


def test_of_three_classes_the_most_probable_is_kept_and_no_threshold_is_tried() -> None:
    probabilities = np.array([0.2, 0.5, 0.3], np.float32)[:, None, None].repeat(4, axis=1).repeat(5, axis=2)
    assert (quantise(probabilities) == 1).all()
    levels = [quantise(probabilities)] * 12
    logits, pixels = np.log(probabilities[None, :, 0, 0]), np.ones(1, np.int64)
    predictions = MaskPredictions(levels, levels, logits, pixels)
    calibration = tune_masks(predictions, np.arange(12), SPEC, PostProcessing(), None)
    assert calibration.post_processing == PostProcessing()
    assert predictions.predicted_classes() == {1}


def test_the_classes_that_are_predicted_anywhere_are_found() -> None:
    none, half = np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.2, np.float32)
    half[2:] = 0.8
    targets = [np.zeros((4, 4), np.uint8)] * 2
    assert predict([none, none], targets).predicted_classes() == {0}
    assert predict([none, half], targets).predicted_classes() == {0, 1}


TALL = 60  # pixels, of a street
POLE = slice(20, 27), slice(10, 12)  # 2 x 7 pixels


def draw_streets(speck: int) -> tuple[list[Array], list[Array]]:
    """Targets of sky and ground, a pole before the sky in 3 of 24; predictions with 20 specks in sky and ground each.

    Args:
        speck: side of a speck, pixels.
    """
    targets, masks = [], []
    for number in range(IMAGES):
        target = np.zeros((TALL, TALL), np.uint8)
        target[30:] = 1
        if number < 3:
            target[POLE] = 2
        mask = target.copy()
        for place in range(20):
            top, left = 33 + 7 * (place // 5), 14 + 8 * (place % 5)
            mask[top : top + speck, left : left + speck] = 0
            mask[top - 32 : top - 32 + speck, left : left + speck] = 1
        targets.append(target)
        masks.append(mask)
    return targets, masks


def tune_streets(targets: list[Array], masks: list[Array]) -> tuple[Calibration, list[float]]:
    """The calibration, and the IoU of sky, ground and poles after it."""
    predictions = MaskPredictions(
        masks, targets, np.eye(3, dtype=np.float32) * 4, np.array([0, 1, 2], np.int64)
    )
    groups, spec = np.arange(IMAGES), Preprocessing(height=TALL, width=TALL)
    calibration = tune_masks(predictions, groups, spec, PostProcessing(), None)
    tuner = PostProcessingTuner(predictions, groups, spec)
    return calibration, figures.iou(
        tuner.count_overlaps(calibration.post_processing).regions.sum(axis=0)
    ).tolist()


def test_post_processing_that_would_delete_the_poles_is_rejected() -> None:
    # Specks of 16 pixels and poles of 14: what removes the first removes the second, and helps the mean of 24 images.
    calibration, ious = tune_streets(*draw_streets(4))
    left = 10 / 14  # smoothing takes the four corners of a pole, in too few images to tell
    assert calibration.post_processing == PostProcessing(smooth=0.01, largest_hole=0.01)  # holes are of sky
    assert ious[2] == pytest.approx(left)
    (rejected,) = calibration.rejected
    assert (rejected.name, rejected.value, rejected.loss.number) == ("smallest_region", 0.01, 2)
    assert [rejected.loss.before, rejected.loss.after] == pytest.approx([1.0, 0.0])  # of the raw masks


def test_post_processing_that_leaves_the_poles_is_used() -> None:
    calibration, ious = tune_streets(*draw_streets(2))  # smoothing removes specks of 2 x 2
    assert calibration.post_processing == PostProcessing(smooth=0.01)
    assert not calibration.rejected
    assert ious == [pytest.approx(1, abs=1e-3), pytest.approx(1, abs=1e-3), pytest.approx(10 / 14)]


def find_vanished(predictions: MaskPredictions, spec: Preprocessing) -> list[int]:
    """The classes of ground truth and raw masks that tuning removes, or of which it leaves no correct pixel."""
    tuner = PostProcessingTuner(predictions, np.arange(IMAGES), spec)
    tuned, _ = tuner.tune(PostProcessing(), "thin" if predictions.classes == 2 else None)
    raw, after = (counts.sum(axis=0) for counts in tuner.count_pixels([PostProcessing(), tuned]))
    return [
        number
        for number in range(predictions.classes)
        if raw[number].any()
        and raw[:, number].any()
        and (not after[:, number].any() or (raw[number, number] and not after[number, number]))
    ]


@pytest.mark.parametrize("shape", [(1, 9), (2, 7), (3, 3)])
def test_no_rare_class_vanishes_by_post_processing(shape: tuple[int, int]) -> None:
    targets, masks = draw_streets(4)
    for number in range(2):  # a fourth class, in two images
        targets[number][4 : 4 + shape[0], 40 : 40 + shape[1]] = 3
        masks[number][4 : 4 + shape[0], 40 : 40 + shape[1]] = 3
    logits = np.eye(4, dtype=np.float32) * 4
    predictions = MaskPredictions(masks, targets, logits, np.arange(4))
    assert find_vanished(predictions, Preprocessing(height=TALL, width=TALL)) == []


@pytest.mark.parametrize("confidence", [0.55, 0.65])
def test_a_thin_foreground_in_one_image_does_not_vanish_by_threshold(confidence: float) -> None:
    # In the other images all foreground is a false alarm that is more probable: without it they would score 1.
    targets = [np.zeros((SIDE, SIDE), np.uint8) for _ in range(IMAGES)]
    targets[0][5, 3:30] = 1
    likely = [np.full((SIDE, SIDE), 0.1, np.float32) for _ in range(IMAGES)]
    for number, item in enumerate(likely):
        item[5 if number == 0 else slice(10, 20), 3:30] = confidence + (0 if number == 0 else 0.05)
    assert find_vanished(predict(likely, targets), SPEC) == []
