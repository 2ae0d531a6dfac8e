"""Prompts and the answers to them, by hand."""

from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.imaging.images.prepare import Preparation, covered, place
from pupila.tasks.prompt import Prompt, Raw, placed_prompt, probability_of, prompt_answer, tokens
from pupila.tasks.task import Decision, Prepared

SQUASH = Preparation(height=8, width=8)
CORNER = Preparation(height=8, width=8, fit="corner", padding="mean")


def told(spec: Preparation = SQUASH, prompts: str = "sam", **changes: Any) -> BundleInfo:
    fields = {
        "made_by": "",
        "created": "",
        "task": "prompt",
        "classes": ["a", "b"],
        "model": {},
        "validation": {},
    }
    return BundleInfo(**{**fields, "preparation": spec, "prompts": prompts, **changes})


def image(height: int, width: int) -> Prepared:
    return Prepared(np.empty(0), height, width)


def raw(masks: list[float], quality: list[float], prompt: Prompt, side: int = 4) -> Raw:
    """Four masks of one logit each."""
    planes = np.repeat(np.array(masks, np.float32), side * side).reshape(4, side, side)
    return Raw(planes, np.array(quality, np.float32), prompt)


ONE, TWO = Prompt(points=((1.0, 2.0),)), Prompt(points=((1.0, 2.0),), negatives=((3.0, 4.0),))
BOX, ALL = Prompt(box=(1.0, 2.0, 5.0, 6.0)), Prompt(box=(0.0, 0.0, 5.0, 3.0))


@pytest.mark.parametrize(
    ("prompt", "kind", "labels"),
    [
        (ONE, "sam", [1, -1]),
        (TWO, "sam", [1, 0, -1]),
        (BOX, "sam", [2, 3]),
        (Prompt(points=((1.0, 2.0),), box=BOX.box), "sam", [1, 2, 3]),
        (ONE, "sam2", [1, -1]),
        (BOX, "sam2", [2, 3, -1]),
    ],
)
def test_a_prompt_is_counted_as_the_decoder_was_trained(prompt: Prompt, kind: str, labels: list[int]) -> None:
    places, found = tokens(prompt, kind)
    assert found.tolist() == labels and places.shape == (len(labels), 2) and places.dtype == np.float32


def test_places_move_with_the_picture() -> None:
    squashed, _ = placed_prompt(BOX, 16, 4, told())
    assert squashed.tolist() == [[2, 1], [10, 3]]  # x doubled, y halved
    cornered, _ = placed_prompt(BOX, 16, 4, told(CORNER))
    assert cornered.tolist() == [[0.5, 1], [2.5, 3]]  # both halved


def test_a_picture_in_the_corner_covers_its_part_and_the_rest_becomes_zero() -> None:
    assert covered(16, 4, CORNER) == (8, 2) and covered(16, 4, SQUASH) == (8, 8)
    placed = place(np.full((16, 4, 3), 255, np.uint8), CORNER)
    assert (placed[:, :2] == 255).all()
    assert placed[0, 5].tolist() == [round(255 * mean) for mean in CORNER.mean]


def test_of_a_single_point_the_best_of_three_counts_and_else_the_first_mask() -> None:
    masks, quality = [1.0, 2.0, 3.0, 4.0], [0.9, 0.1, 0.7, 0.3]
    for prompt, logit, expected in ((ONE, 3.0, 0.7), (TWO, 1.0, 0.9), (ALL, 1.0, 0.9)):
        probability, found = probability_of(raw(masks, quality, prompt), image(3, 5), told())
        assert probability.shape == (3, 5) and probability == pytest.approx(1 / (1 + np.exp(-logit)))
        assert found == pytest.approx(expected)


def test_a_temperature_divides_the_logits_and_the_expected_iou_stays_within_its_range() -> None:
    probability, quality = probability_of(raw([2.0] * 4, [1.5] * 4, TWO), image(3, 5), told(temperature=2.0))
    assert probability == pytest.approx(1 / (1 + np.exp(-1))) and quality == 1.0


def test_only_the_part_that_the_picture_covers_is_enlarged() -> None:
    planes = np.full((4, 4, 4), -9, np.float32)
    planes[:, :, :1] = 9  # of 4 columns the first; a picture four times as high as wide covers just that
    seen = Raw(planes, np.ones(4, np.float32), TWO)
    assert probability_of(seen, image(16, 4), told(CORNER))[0].min() > 0.9
    assert probability_of(seen, image(16, 4), told(SQUASH))[0].min() < 0.01


def test_what_lies_far_beyond_the_box_is_not_it() -> None:
    prompt = Prompt(box=(10.0, 5.0, 20.0, 15.0))
    answer = prompt_answer(raw([9.0] * 4, [1.0] * 4, prompt), image(20, 30), told())
    wanted = np.zeros((20, 30), np.uint8)
    wanted[3:17, 8:22] = 1  # the box, and a fifth of its sides around it
    assert (answer.mask == wanted).all()
    assert prompt_answer(raw([9.0] * 4, [1.0] * 4, ONE), image(20, 30), told()).mask.all()


def test_the_decision_turns_probabilities_into_a_mask() -> None:
    seen = raw([0.0] * 4, [0.4] * 4, TWO)  # a half everywhere
    assert prompt_answer(seen, image(3, 5), told()).mask.all()
    strict = told(decision=Decision(positive="b", threshold=0.6, abstain_below=0.5))
    answer = prompt_answer(seen, image(3, 5), strict)
    assert not answer.mask.any() and answer.abstained and answer.confidence == pytest.approx(0.5)


def test_where_there_are_no_data_there_is_no_mask() -> None:
    valid = np.array([[True, False], [True, True]])
    seen = Prepared(np.empty(0), 2, 2, valid)
    assert prompt_answer(raw([5.0] * 4, [1.0] * 4, TWO), seen, told()).mask.tolist() == [[1, 0], [1, 1]]
