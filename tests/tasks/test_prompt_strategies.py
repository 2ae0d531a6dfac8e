"""Prompts drawn from masks, as a person would give them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.tasks.prompt import check_prompt
from pupila.tasks.prompt_strategies import BOX, POINTS, WAYS, Way, box_around, prompt_for, random_for

TARGET = np.zeros((20, 30), dtype=bool)
TARGET[5:15, 10:20] = True


def test_the_same_seed_image_and_way_draw_the_same_prompt_and_others_another() -> None:
    def drawn(*told: object) -> object:
        return prompt_for(TARGET, ~TARGET, POINTS, random_for(*told))

    assert drawn(0, "image") == drawn(0, "image")
    assert len({str(drawn(seed, name)) for seed in range(3) for name in "ab"}) == 6


def test_points_lie_where_they_belong() -> None:
    prompt = prompt_for(TARGET, ~TARGET, Way("many", points=50, negatives=50), random_for(1))
    assert all(TARGET[int(y), int(x)] for x, y in prompt.points)
    assert not any(TARGET[int(y), int(x)] for x, y in prompt.negatives)
    assert all(4 <= x < 26 and y < 21 for x, y in prompt.negatives)  # near it: half its size around it
    assert prompt.box is None and len(prompt.points) == len(prompt.negatives) == 50


def test_points_at_the_border_touch_what_is_not_meant() -> None:
    prompt = prompt_for(TARGET, ~TARGET, Way("border", points=50, border=True), random_for(1))
    assert all(int(x) in (10, 19) or int(y) in (5, 14) for x, y in prompt.points)


def test_a_box_without_jitter_is_tight_and_one_with_it_is_off_by_no_more() -> None:
    assert box_around(TARGET, 0.0, random_for(1)) == (10, 5, 20, 15)
    boxes = np.array([box_around(TARGET, 0.2, random_for(seed)) for seed in range(200)])
    off = boxes - [10, 5, 20, 15]
    assert (
        np.abs(off).max() <= 2.0
        and np.abs(off).max(axis=0).min() > 1.5
        and np.abs(off.mean(axis=0)).max() < 0.2
    )


def test_what_is_everywhere_has_no_points_that_do_not_belong_to_it() -> None:
    everything = np.ones((4, 4), dtype=bool)
    prompt = prompt_for(everything, ~everything, POINTS, random_for(1))
    assert prompt.negatives == () and len(prompt.points) == POINTS.points


@given(
    st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.sampled_from(WAYS), st.floats(0, 0.49)
)
def test_whatever_is_drawn_can_be_asked(seed: int, height: int, width: int, way: Way, jitter: float) -> None:
    random = np.random.default_rng(seed)
    target = random.random((height, width)) < 0.3
    target[random.integers(height), random.integers(width)] = True
    wide = Way(way.name, way.points, way.negatives, None if way.jitter is None else jitter)
    check_prompt(prompt_for(target, ~target, wide, random), height, width)


def test_a_mask_of_nothing_can_t_be_pointed_at() -> None:
    with pytest.raises(IndexError):
        prompt_for(np.zeros((3, 3), bool), np.ones((3, 3), bool), BOX, random_for(1))
