"""Prompts sampled from masks as an annotator would give them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.tasks.prompt import check_prompt
from pupila.tasks.prompt_strategies import (
    BOX,
    POINTS,
    PROMPT_STRATEGIES,
    PromptStrategy,
    sample_box,
    sample_prompt,
    seeded_random,
)

TARGET = np.zeros((20, 30), dtype=bool)
TARGET[5:15, 10:20] = True


def test_the_same_seed_and_image_sample_the_same_prompt_and_others_another() -> None:
    def sample(*keys: object) -> object:
        return sample_prompt(TARGET, ~TARGET, POINTS, seeded_random(*keys))

    assert sample(0, "image") == sample(0, "image")
    assert len({str(sample(seed, name)) for seed in range(3) for name in "ab"}) == 6


def test_points_lie_inside_or_outside_the_region() -> None:
    prompt = sample_prompt(TARGET, ~TARGET, PromptStrategy("many", points=50, negatives=50), seeded_random(1))
    assert all(TARGET[int(y), int(x)] for x, y in prompt.points)
    assert not any(TARGET[int(y), int(x)] for x, y in prompt.negatives)
    assert all(4 <= x < 26 and y < 21 for x, y in prompt.negatives)  # near it: half its size around it
    assert prompt.box is None and len(prompt.points) == len(prompt.negatives) == 50


def test_points_at_the_border_touch_the_background() -> None:
    prompt = sample_prompt(
        TARGET, ~TARGET, PromptStrategy("border", points=50, border=True), seeded_random(1)
    )
    assert all(int(x) in (10, 19) or int(y) in (5, 14) for x, y in prompt.points)


def test_a_box_without_jitter_is_tight_and_one_with_it_is_off_by_no_more() -> None:
    assert sample_box(TARGET, 0.0, seeded_random(1)) == (10, 5, 20, 15)
    boxes = np.array([sample_box(TARGET, 0.2, seeded_random(seed)) for seed in range(200)])
    off = boxes - [10, 5, 20, 15]
    assert (
        np.abs(off).max() <= 2.0
        and np.abs(off).max(axis=0).min() > 1.5
        and np.abs(off.mean(axis=0)).max() < 0.2
    )


def test_a_region_that_fills_the_image_gets_no_background_points() -> None:
    everything = np.ones((4, 4), dtype=bool)
    prompt = sample_prompt(everything, ~everything, POINTS, seeded_random(1))
    assert prompt.negatives == () and len(prompt.points) == POINTS.points


@given(
    st.integers(0, 2**32),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(PROMPT_STRATEGIES),
    st.floats(0, 0.49),
)
def test_every_sampled_prompt_is_valid(
    seed: int, height: int, width: int, strategy: PromptStrategy, jitter: float
) -> None:
    random = np.random.default_rng(seed)
    target = random.random((height, width)) < 0.3
    target[random.integers(height), random.integers(width)] = True
    wide = PromptStrategy(
        strategy.name, strategy.points, strategy.negatives, None if strategy.jitter is None else jitter
    )
    check_prompt(sample_prompt(target, ~target, wide, random), height, width)


def test_an_empty_mask_has_no_prompt() -> None:
    with pytest.raises(IndexError):
        sample_prompt(np.zeros((3, 3), bool), np.ones((3, 3), bool), BOX, seeded_random(1))
