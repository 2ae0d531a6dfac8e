"""Regions are counted as scipy counts them, whole and in strips, and cleaned up as in the hand-drawn masks."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from pupila.core.vocabulary import IGNORE
from pupila.imaging.regions import RegionCounter, drop_small, fill_holes, smooth

Array = NDArray[Any]
SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))
MASKS = arrays(np.uint8, SIZES, elements=st.sampled_from([0, 1, 2, IGNORE]))
CORNERS = np.ones((3, 3))


def drawn(*rows: str) -> Array:
    """A mask: digits are classes, `.` the background, `x` unlabelled."""
    values = {".": 0, "x": IGNORE}
    return np.array([[values.get(c, ord(c) - ord("0")) for c in row] for row in rows], np.uint8)


def counted(mask: Array, cuts: list[int]) -> dict[int, list[int]]:
    counter = RegionCounter()
    for strip in np.split(mask, cuts):
        if len(strip):
            counter.add(strip)
    return counter.areas()


def by_scipy(mask: Array) -> dict[int, list[int]]:
    counts = {}
    for number in set(mask.ravel().tolist()) - {IGNORE}:
        labels, _ = ndimage.label(mask == number, CORNERS)
        counts[number] = sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True)
    return counts


def test_regions_meet_at_corners_and_count_their_pixels() -> None:
    mask = drawn("11..", "..1.", "2xx2")
    assert counted(mask, []) == {0: [5], 1: [3], 2: [1, 1]}


def test_arms_that_meet_strips_later_are_one_region() -> None:
    mask = drawn("1.1.1", "1.1.1", "1.1.1", "111.1")
    assert counted(mask, [1, 2, 3]) == {0: [4, 3], 1: [9, 4]}


def test_nothing_has_no_regions() -> None:
    assert RegionCounter().areas() == {}
    assert counted(np.full((3, 4), IGNORE, np.uint8), [2]) == {}


@given(mask=MASKS, cuts=st.lists(st.integers(1, 11), max_size=4))
@settings(max_examples=200)
def test_strips_of_any_height_give_what_scipy_gives(mask: Array, cuts: list[int]) -> None:
    assert counted(mask, sorted(cuts)) == by_scipy(mask)


def test_a_large_mask_is_counted_as_scipy_counts_it() -> None:
    smooth_noise = ndimage.gaussian_filter(np.random.default_rng(0).random((1024, 1024)), 3)
    mask = np.digitize(smooth_noise, np.quantile(smooth_noise, [0.5, 0.8])).astype(np.uint8)
    assert counted(mask, [100, 101, 700]) == by_scipy(mask)


def test_a_counter_keeps_one_row_however_many_come() -> None:
    counter = RegionCounter()
    for _ in range(50):
        counter.add(drawn("1.1.1.", "......"))
    held = counter._row.size + counter._first.size + counter._area.size
    assert held <= 3 * 6
    assert counter.areas()[1] == [1] * 150


def test_small_regions_become_what_surrounds_them_most() -> None:
    mask = drawn(
        "22222",
        "23.22",
        "2222.",
        "1...1",
    )
    assert drop_small(mask, 2).tolist() == drawn("22222", "22.22", "2222.", ".....").tolist()
    assert drop_small(mask, 1).tolist() == mask.tolist()


def test_small_regions_side_by_side_do_not_change_places() -> None:
    assert drop_small(drawn("....", ".12.", "...."), 2).tolist() == drawn("....", "....", "....").tolist()


def test_unlabelled_pixels_neither_vote_nor_go() -> None:
    assert drop_small(drawn("xxx", "x1x", "xxx"), 5).tolist() == drawn("xxx", "x.x", "xxx").tolist()


def test_holes_are_filled_with_what_surrounds_them_and_open_ones_stay() -> None:
    mask = drawn(
        ".111..",
        ".1.1..",
        "1..12.",
        "1.1222",
        "1.12.2",
        ".1.222",
    )
    filled = drawn(
        ".111..",
        ".111..",
        "11112.",
        "111222",
        "111222",
        ".1.222",
    )
    assert fill_holes(mask, 9).tolist() == filled.tolist()
    small = fill_holes(mask, 1)
    assert (small[4, 4], small[1, 2]) == (2, 0)


@given(mask=MASKS)
@settings(max_examples=100)
def test_filled_holes_are_those_of_scipy(mask: Array) -> None:
    binary = (mask == 1).astype(np.uint8)
    assert (fill_holes(binary, mask.size) == ndimage.binary_fill_holes(binary)).all()


@given(mask=MASKS, least=st.integers(1, 6))
@settings(max_examples=100)
def test_what_is_dropped_is_what_is_small(mask: Array, least: int) -> None:
    binary = (mask == 1).astype(np.uint8)
    labels, _ = ndimage.label(binary, CORNERS)
    large = np.bincount(labels.ravel())[labels] >= least
    assert (drop_small(binary, least) == binary * large).all()


def test_the_majority_of_the_square_wins_and_an_even_pixel_keeps_its_own() -> None:
    assert smooth(drawn("111", "1.1", "111"), 1).tolist() == drawn("111", "111", "111").tolist()
    assert smooth(drawn("12", "12"), 1).tolist() == drawn("12", "12").tolist()
    assert smooth(drawn(".x", "x1"), 1).tolist() == drawn(".x", "x1").tolist()


@given(mask=MASKS, radius=st.integers(1, 3))
@settings(max_examples=50)
def test_the_majority_is_that_of_counting(mask: Array, radius: int) -> None:
    for (row, column), given_ in np.ndenumerate(smooth(mask, radius)):
        square = mask[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1]
        votes = np.bincount(square[square != IGNORE], minlength=3)
        if mask[row, column] == IGNORE:
            assert given_ == IGNORE
        else:
            assert votes[given_] == votes.max()
            assert given_ == mask[row, column] or votes[mask[row, column]] < votes.max()
