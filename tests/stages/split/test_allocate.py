"""Allocation: cases by hand, and properties of every draw."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pupila.stages.split.allocate import allocate


def test_two_large_and_two_small_components_are_paired() -> None:
    # sizes 6, 4, 4, 2 into halves: 6 + 2 and 4 + 4 is the only equal allocation
    parts = allocate(np.array([[6], [4], [4], [2]]), [0.5, 0.5], seed=1)
    assert parts[0] == parts[3]
    assert parts[1] == parts[2] != parts[0]


def test_every_part_gets_one_of_a_rare_class_before_any_gets_two() -> None:
    counts = np.array([[1, 0]] * 27 + [[0, 1]] * 3)
    parts = allocate(counts, [0.7, 0.15, 0.15], seed=4)
    assert sorted(parts[27:]) == [0, 1, 2]


@settings(max_examples=60)
@given(st.integers(20, 120), st.integers(1, 4), st.integers(0, 10_000))
def test_single_images_are_allocated_within_two_of_the_target_counts(
    count: int, classes: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, count)
    counts = np.eye(classes)[labels]
    shares = np.array([0.7, 0.15, 0.15])
    parts = allocate(counts, shares.tolist(), seed)
    held = np.array([counts[parts == part].sum(axis=0) for part in range(3)])
    assert np.abs(held - np.outer(shares, counts.sum(axis=0))).max() <= 2.0
    assert np.array_equal(parts, allocate(counts, shares.tolist(), seed))


@given(st.integers(0, 1000))
def test_a_part_without_a_share_stays_empty(seed: int) -> None:
    parts = allocate(np.ones((30, 1)), [0.8, 0.0, 0.2], seed)
    assert set(parts.tolist()) == {0, 2}


def test_another_seed_draws_another_allocation() -> None:
    counts = np.eye(2)[np.arange(60) % 2]
    draws = {allocate(counts, [0.7, 0.3], seed).tobytes() for seed in range(5)}
    assert len(draws) == 5


def test_an_empty_input_is_allocated_to_nothing() -> None:
    assert allocate(np.zeros((0, 2)), [0.5, 0.5], 1).shape == (0,)
