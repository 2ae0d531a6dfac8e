"""Answers for masks, by hand."""

from typing import Any

import numpy as np
import pytest

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.imaging.images.prepare import Preparation
from pupila.tasks.segment import SEGMENT, answer_of, probabilities_of, refined
from pupila.tasks.task import Decision, Prepared

RESIZE = Preparation(height=4, width=4)
TILE = Preparation(height=4, width=4, view="tile", overlap=2)
LOG3 = float(np.log(3))


def told(spec: Preparation = RESIZE, classes: int = 2, **changes: Any) -> BundleInfo:
    return BundleInfo(
        made_by="", created="", task="segment", classes=[f"class {n}" for n in range(classes)], preparation=spec,
        model={}, validation={}, **changes,
    )  # fmt: skip


def image(height: int, width: int, inputs: int = 1) -> Prepared:
    return Prepared(np.zeros((inputs, 3, 4, 4), np.float32), height, width)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_come_at_the_size_of_the_image_and_sum_to_one(classes: int) -> None:
    logits = np.random.default_rng(0).normal(size=(1, classes, 4, 4)).astype(np.float32)
    found = probabilities_of(logits, image(7, 11), told(classes=classes))
    assert found.shape == (classes, 7, 11)
    assert found.sum(axis=0) == pytest.approx(np.ones((7, 11)), abs=1e-5)
    same = probabilities_of(logits, image(4, 4), told(classes=classes))
    assert same.argmax(axis=0).tolist() == logits[0].argmax(axis=0).tolist()


def test_a_temperature_of_two_halves_the_logits() -> None:
    logits = np.stack([np.zeros((4, 4)), np.full((4, 4), 2 * LOG3)])[None].astype(np.float32)
    assert probabilities_of(logits, image(4, 4), told())[1] == pytest.approx(np.full((4, 4), 0.9))
    warm = probabilities_of(logits, image(4, 4), told(temperature=2.0))
    assert warm[1] == pytest.approx(np.full((4, 4), 0.75))


def test_tiles_that_agree_give_what_each_of_them_gives() -> None:
    pixels = np.zeros((6, 10, 3), np.uint8)
    inputs = SEGMENT.inputs(pixels, TILE)
    logits = np.zeros((len(inputs), 2, 4, 4), np.float32)
    logits[:, 1] = LOG3
    found = probabilities_of(logits, Prepared(inputs, 6, 10), told(TILE))
    assert found.shape == (2, 6, 10)
    assert found[1] == pytest.approx(np.full((6, 10), 0.75), abs=1e-6)


def test_an_answer_says_shares_and_how_sure_it_is() -> None:
    foreground = np.array([[0.9, 0.6], [0.2, 0.4]])
    answer = answer_of(np.stack([1 - foreground, foreground]), told())
    assert answer.mask.tolist() == [[1, 1], [0, 0]]
    assert answer.shares == {"class 0": 0.5, "class 1": 0.5}
    assert answer.confidence == pytest.approx((0.9 + 0.6 + 0.8 + 0.6) / 4)
    assert not answer.abstained
    unsure = answer_of(np.stack([1 - foreground, foreground]), told(decision=Decision(abstain_below=0.8)))
    assert unsure.abstained
    strict = Decision(positive="class 1", threshold=0.7)
    assert answer_of(np.stack([1 - foreground, foreground]), told(decision=strict)).mask.tolist() == [
        [1, 0],
        [0, 0],
    ]


def test_where_there_are_no_data_there_is_no_answer() -> None:
    foreground = np.array([[0.9, 0.6], [0.2, 0.4]])
    probabilities = np.stack([1 - foreground, foreground])
    answer = answer_of(probabilities, told(), np.array([[True, False], [True, False]]))
    assert answer.mask.tolist() == [[1, 255], [0, 255]]
    assert answer.shares == {"class 0": 0.5, "class 1": 0.5}
    assert answer.confidence == pytest.approx((0.9 + 0.8) / 2)
    nothing = answer_of(probabilities, told(), np.zeros((2, 2), bool))
    assert (set(nothing.shares.values()), nothing.confidence) == ({0.0}, 0.0)


def test_post_processing_counts_in_shares_of_the_picture_or_of_a_tile() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:12, 2:12] = 1
    mask[5, 5] = 0  # a hole of 1 pixel, 0.25 % of the picture
    mask[16, 16] = 1
    kept = refined(mask, Decision(largest_hole=0.01, smallest_region=0.01), RESIZE)
    assert kept[5, 5] == 1 and kept[16, 16] == 0 and kept.sum() == 100
    assert np.array_equal(refined(mask, Decision(), RESIZE), mask)
    # of a tile of 16 pixels a hundredth is nothing
    assert np.array_equal(refined(mask, Decision(largest_hole=0.01, smallest_region=0.01), TILE), mask)
    assert refined(mask, Decision(largest_hole=0.1), TILE)[5, 5] == 1


def test_a_golden_answer_keeps_the_means_of_sixteen_cells() -> None:
    logits = np.arange(2 * 8 * 8, dtype=np.float32).reshape(2, 8, 8)
    digest = SEGMENT.digest(logits)
    assert len(digest) == 2 * 16
    assert digest[0] == pytest.approx(logits[0, :2, :2].mean())
    assert digest[-1] == pytest.approx(logits[1, -2:, -2:].mean())
