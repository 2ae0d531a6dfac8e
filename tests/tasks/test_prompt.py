"""Prompts and their predictions, computed by hand."""

from typing import Any

import numpy as np
import pytest

from pupila.imaging.images.preprocess import Preprocessing, covered_size, fit_image
from pupila.tasks.prompt import (
    DecoderOutput,
    Prompt,
    PromptPrediction,
    mask_probability,
    predict_prompt,
    prompt_points,
    scale_prompt,
    select_mask,
)
from pupila.tasks.task import Array, PostProcessing, PredictionSettings, PreprocessedImage

SQUASH = Preprocessing(height=8, width=8)
CORNER = Preprocessing(height=8, width=8, fit="corner", padding="mean")


def predict_probability(
    raw: DecoderOutput, image: PreprocessedImage, spec: PredictionSettings
) -> tuple[Array, float]:
    logits = raw.masks[select_mask(raw, spec.prompt_format)]
    return mask_probability(logits, raw.prompt, image, spec), predict_prompt(raw, image, spec).predicted_iou


def spec(preprocessing: Preprocessing = SQUASH, prompts: Any = "sam", **changes: Any) -> PredictionSettings:
    return PredictionSettings(
        classes=["a", "b"], preprocessing=preprocessing, prompt_format=prompts, **changes
    )


def image(height: int, width: int) -> PreprocessedImage:
    return PreprocessedImage(np.empty(0), height, width)


def decoder_output(
    masks: list[float], predicted_iou: list[float], prompt: Prompt, side: int = 4
) -> DecoderOutput:
    """Four masks of one logit each."""
    planes = np.repeat(np.array(masks, np.float32), side * side).reshape(4, side, side)
    return DecoderOutput(planes, np.array(predicted_iou, np.float32), prompt)


POINT, POINTS = Prompt(points=((1.0, 2.0),)), Prompt(points=((1.0, 2.0),), negatives=((3.0, 4.0),))
BOX, ALL = Prompt(box=(1.0, 2.0, 5.0, 6.0)), Prompt(box=(0.0, 0.0, 5.0, 3.0))


@pytest.mark.parametrize(
    ("prompt", "kind", "labels"),
    [
        (POINT, "sam", [1, -1]),
        (POINTS, "sam", [1, 0, -1]),
        (BOX, "sam", [2, 3]),
        (Prompt(points=((1.0, 2.0),), box=BOX.box), "sam", [1, 2, 3]),
        (POINT, "sam2", [1, -1]),
        (BOX, "sam2", [2, 3, -1]),
    ],
)
def test_a_prompt_becomes_the_points_that_the_decoder_was_trained_on(
    prompt: Prompt, kind: str, labels: list[int]
) -> None:
    places, point_labels = prompt_points(prompt, kind)
    assert point_labels.tolist() == labels and places.shape == (len(labels), 2) and places.dtype == np.float32


def test_points_are_scaled_with_the_image() -> None:
    squashed, _ = scale_prompt(BOX, 16, 4, spec())
    assert squashed.tolist() == [[2, 1], [10, 3]]  # x doubled, y halved
    cornered, _ = scale_prompt(BOX, 16, 4, spec(CORNER))
    assert cornered.tolist() == [[0.5, 1], [2.5, 3]]  # both halved


def test_an_image_in_the_corner_covers_its_part_and_the_rest_is_padded_with_the_mean() -> None:
    assert covered_size(16, 4, CORNER) == (8, 2) and covered_size(16, 4, SQUASH) == (8, 8)
    placed = fit_image(np.full((16, 4, 3), 255, np.uint8), CORNER)
    assert (placed[:, :2] == 255).all()
    assert placed[0, 5].tolist() == [round(255 * mean) for mean in CORNER.mean]


def test_a_single_point_selects_the_best_of_three_masks_and_other_prompts_the_first() -> None:
    masks, predicted_iou = [1.0, 2.0, 3.0, 4.0], [0.9, 0.1, 0.7, 0.3]
    for prompt, logit, expected in ((POINT, 3.0, 0.7), (POINTS, 1.0, 0.9), (ALL, 1.0, 0.9)):
        probability, predicted = predict_probability(
            decoder_output(masks, predicted_iou, prompt), image(3, 5), spec()
        )
        assert probability.shape == (3, 5) and probability == pytest.approx(1 / (1 + np.exp(-logit)))
        assert predicted == pytest.approx(expected)


def test_a_temperature_divides_the_logits_and_the_predicted_iou_is_clipped_to_its_range() -> None:
    probability, predicted_iou = predict_probability(
        decoder_output([2.0] * 4, [1.5] * 4, POINTS), image(3, 5), spec(temperature=2.0)
    )
    assert probability == pytest.approx(1 / (1 + np.exp(-1))) and predicted_iou == 1.0


def test_only_the_part_that_the_image_covers_is_resized() -> None:
    planes = np.full((4, 4, 4), -9, np.float32)
    planes[:, :, :1] = 9  # of 4 columns the first; an image four times as high as wide covers just that
    output = DecoderOutput(planes, np.ones(4, np.float32), POINTS)
    assert predict_probability(output, image(16, 4), spec(CORNER))[0].min() > 0.9
    assert predict_probability(output, image(16, 4), spec(SQUASH))[0].min() < 0.01


def test_pixels_far_beyond_the_box_are_background() -> None:
    prompt = Prompt(box=(10.0, 5.0, 20.0, 15.0))
    prediction = predict_prompt(decoder_output([9.0] * 4, [1.0] * 4, prompt), image(20, 30), spec())
    expected = np.zeros((20, 30), np.uint8)
    expected[3:17, 8:22] = 1  # the box, and a fifth of its sides around it
    assert (prediction.mask == expected).all()
    assert predict_prompt(decoder_output([9.0] * 4, [1.0] * 4, POINT), image(20, 30), spec()).mask.all()


def test_the_threshold_turns_probabilities_into_a_mask() -> None:
    output = decoder_output([0.0] * 4, [0.4] * 4, POINTS)  # a half everywhere
    assert predict_prompt(output, image(3, 5), spec()).mask.all()
    strict = spec(post_processing=PostProcessing(positive="b", threshold=0.6, abstain_below=0.5))
    prediction = predict_prompt(output, image(3, 5), strict)
    assert not prediction.mask.any() and prediction.abstained and prediction.confidence == pytest.approx(0.5)


def test_pixels_without_data_are_background() -> None:
    valid = np.array([[True, False], [True, True]])
    output = PreprocessedImage(np.empty(0), 2, 2, valid)
    assert predict_prompt(decoder_output([5.0] * 4, [1.0] * 4, POINTS), output, spec()).mask.tolist() == [
        [1, 0],
        [1, 1],
    ]


@pytest.mark.parametrize(("abstained", "end"), [(False, ""), (True, ", abstained")])
def test_a_mask_for_a_prompt_in_words_and_in_a_summary(abstained: bool, end: str) -> None:
    prediction = PromptPrediction(np.zeros((2, 2), np.uint8), 0.8, 0.25, 0.9, abstained)
    assert str(prediction) == f"25.0 % of the image, predicted IoU 0.80{end}"
    assert prediction.class_names() == ()
