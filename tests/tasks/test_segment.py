"""Mask predictions, computed by hand."""

from typing import Any

import numpy as np
import pytest

from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks.segment import (
    SEGMENT,
    MaskPrediction,
    describe_mask,
    post_process,
    predict_mask,
    predict_probabilities,
)
from pupila.tasks.task import PostProcessing, PredictionSettings, PreprocessedImage

RESIZE = Preprocessing(height=4, width=4)
TILE = Preprocessing(height=4, width=4, view="tile", overlap=2)
LOG3 = float(np.log(3))


def spec(preprocessing: Preprocessing = RESIZE, classes: int = 2, **changes: Any) -> PredictionSettings:
    names = [f"class {n}" for n in range(classes)]
    return PredictionSettings(classes=names, preprocessing=preprocessing, **changes)


def image(height: int, width: int, inputs: int = 1) -> PreprocessedImage:
    return PreprocessedImage(np.zeros((inputs, 3, 4, 4), np.float32), height, width)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_come_at_the_size_of_the_image_and_sum_to_one(classes: int) -> None:
    logits = np.random.default_rng(0).normal(size=(1, classes, 4, 4)).astype(np.float32)
    probabilities = predict_probabilities(logits, image(7, 11), spec(classes=classes))
    assert probabilities.shape == (classes, 7, 11)
    assert probabilities.sum(axis=0) == pytest.approx(np.ones((7, 11)), abs=1e-5)
    same = predict_probabilities(logits, image(4, 4), spec(classes=classes))
    assert same.argmax(axis=0).tolist() == logits[0].argmax(axis=0).tolist()


def test_a_temperature_of_two_halves_the_logits() -> None:
    logits = np.stack([np.zeros((4, 4)), np.full((4, 4), 2 * LOG3)])[None].astype(np.float32)
    assert predict_probabilities(logits, image(4, 4), spec())[1] == pytest.approx(np.full((4, 4), 0.9))
    warm = predict_probabilities(logits, image(4, 4), spec(temperature=2.0))
    assert warm[1] == pytest.approx(np.full((4, 4), 0.75))


def test_tiles_that_agree_give_what_each_of_them_gives() -> None:
    pixels = np.zeros((6, 10, 3), np.uint8)
    inputs = SEGMENT.inputs(pixels, TILE)
    logits = np.zeros((len(inputs), 2, 4, 4), np.float32)
    logits[:, 1] = LOG3
    probabilities = predict_probabilities(logits, PreprocessedImage(inputs, 6, 10), spec(TILE))
    assert probabilities.shape == (2, 6, 10)
    assert probabilities[1] == pytest.approx(np.full((6, 10), 0.75), abs=1e-6)


def test_a_prediction_has_shares_and_a_confidence() -> None:
    foreground = np.array([[0.9, 0.6], [0.2, 0.4]])
    prediction = predict_mask(np.stack([1 - foreground, foreground]), spec())
    assert prediction.mask.tolist() == [[1, 1], [0, 0]]
    assert prediction.shares == {"class 0": 0.5, "class 1": 0.5}
    assert prediction.confidence == pytest.approx((0.9 + 0.6 + 0.8 + 0.6) / 4)
    assert not prediction.abstained
    uncertain = predict_mask(
        np.stack([1 - foreground, foreground]), spec(post_processing=PostProcessing(abstain_below=0.8))
    )
    assert uncertain.abstained
    strict = PostProcessing(positive="class 1", threshold=0.7)
    assert predict_mask(
        np.stack([1 - foreground, foreground]), spec(post_processing=strict)
    ).mask.tolist() == [
        [1, 0],
        [0, 0],
    ]


def test_pixels_without_data_are_not_predicted() -> None:
    foreground = np.array([[0.9, 0.6], [0.2, 0.4]])
    probabilities = np.stack([1 - foreground, foreground])
    prediction = predict_mask(probabilities, spec(), np.array([[True, False], [True, False]]))
    assert prediction.mask.tolist() == [[1, 255], [0, 255]]
    assert prediction.shares == {"class 0": 0.5, "class 1": 0.5}
    assert prediction.confidence == pytest.approx((0.9 + 0.8) / 2)
    nothing = predict_mask(probabilities, spec(), np.zeros((2, 2), bool))
    assert (set(nothing.shares.values()), nothing.confidence) == ({0.0}, 0.0)


def test_post_processing_sizes_are_shares_of_the_image_or_of_a_tile() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:12, 2:12] = 1
    mask[5, 5] = 0  # a hole of 1 pixel, 0.25 % of the image
    mask[16, 16] = 1
    cleaned = post_process(mask, PostProcessing(largest_hole=0.01, smallest_region=0.01), RESIZE)
    assert cleaned[5, 5] == 1 and cleaned[16, 16] == 0 and cleaned.sum() == 100
    assert np.array_equal(post_process(mask, PostProcessing(), RESIZE), mask)
    # of a tile of 16 pixels a hundredth is nothing
    assert np.array_equal(
        post_process(mask, PostProcessing(largest_hole=0.01, smallest_region=0.01), TILE), mask
    )
    assert post_process(mask, PostProcessing(largest_hole=0.1), TILE)[5, 5] == 1


def test_a_golden_prediction_stores_the_means_of_sixteen_cells() -> None:
    logits = np.arange(2 * 8 * 8, dtype=np.float32).reshape(2, 8, 8)
    digest = SEGMENT.digest(logits)
    assert len(digest) == 2 * 16
    assert digest[0] == pytest.approx(logits[0, :2, :2].mean())
    assert digest[-1] == pytest.approx(logits[1, -2:, -2:].mean())


@pytest.mark.parametrize(
    ("shares", "abstained", "text"),
    [({"land": 0.5, "water": 0.5}, False, "water 50.0 %"), ({"land": 1.0, "water": 0.0}, False, "background only"),
     ({"land": 1.0, "water": 0.0}, True, "background only (abstained)"),
     ({"oak": 0.5, "fir": 0.25, "elm": 0.25}, True, "oak 50.0 %, fir 25.0 %, elm 25.0 % (abstained)")],
)  # fmt: skip
def test_a_mask_in_words_and_in_a_summary(shares: dict[str, float], abstained: bool, text: str) -> None:
    prediction = MaskPrediction(np.zeros((2, 2), np.uint8), shares, 0.9, abstained)
    assert str(prediction) == text
    assert prediction.class_names() == ()


def test_classes_that_a_mask_lacks_are_not_named() -> None:
    assert describe_mask({"background": "background", "oak": "", "fir": "fir here"}, False) == "fir here"
