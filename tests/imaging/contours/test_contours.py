"""Outlines through the centres of pixels: traced and filled as OpenCV does, and the same mask again."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from scipy import ndimage

from pupila.imaging.contours import fill_outlines, find_pixels, trace_contours

BINARY = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def drawn(*rows: str) -> Any:
    """(H, W) bool: where there is a #."""
    return np.array([[mark == "#" for mark in row] for row in rows])


@pytest.mark.parametrize(
    ("rows", "points"),
    [
        ([".....", ".###.", ".###.", "....."], {(1, 1), (3, 1), (3, 2), (1, 2)}),  # the corners
        (["...", ".#.", "..."], {(1, 1)}),
        (["....", "####"], {(0, 1), (3, 1)}),  # there and back
        (["#..", ".#.", "..#"], {(0, 0), (2, 2)}),  # touching at corners is one region
        (["#####", "#...#", "#...#", "#####"], {(0, 0), (4, 0), (4, 3), (0, 3),  # around
                                                 (1, 0), (3, 0), (4, 1), (4, 2), (3, 3), (1, 3), (0, 2), (0, 1)}),
    ],
    ids=["block", "pixel", "line", "diagonal", "hole"],
)  # fmt: skip
def test_an_outline_joins_the_centres_of_border_pixels(rows: list[str], points: set[tuple[int, int]]) -> None:
    mask = drawn(*rows)
    (ring,) = trace_contours(mask)
    assert {tuple(point) for point in ring.tolist()} == points
    assert len(ring) >= 3  # as every reader wants
    assert np.array_equal(fill_outlines([(ring, [])], *mask.shape), mask)


@given(mask=BINARY)
@settings(max_examples=200)
def test_one_ring_for_each_region_fills_to_the_same_mask(mask: Any) -> None:
    rings = trace_contours(mask)
    assert len(rings) == ndimage.label(mask, np.ones((3, 3)))[1]
    assert np.array_equal(fill_outlines([(ring, []) for ring in rings], *mask.shape), mask)


def test_nothing_has_no_outline() -> None:
    assert trace_contours(np.zeros((3, 4), bool)) == []
    assert not fill_outlines([], 3, 4).any()


def test_the_border_of_whole_numbers_belongs_to_what_they_fill() -> None:
    # As OpenCV 5.0 draws it. In rows 1 to 3 the sides lie at x = 0.75, 1.5, 2.25 and at 4.5, 4, 3.5: ties go left.
    ring = np.array([[0, 0], [5, 0], [3, 4]])
    assert np.array_equal(
        fill_outlines([(ring, [])], 5, 6), drawn("######", ".####.", ".####.", "..##..", "...#..")
    )
    assert (
        fill_outlines([(ring.astype(float), [])], 5, 6).sum() == 5 + 3 + 2
    )  # fractions: centres inside, as COCO


def test_a_hole_of_whole_numbers_takes_its_border_along() -> None:
    block, hole = np.array([[0, 0], [4, 0], [4, 4], [0, 4]]), np.array([[1, 1], [2, 1], [2, 2], [1, 2]])
    assert fill_outlines([(block, [hole])], 5, 5).sum() == 25 - 4


def test_what_lies_outside_the_picture_is_cut_off() -> None:
    block = np.array([[-3, -2], [1, -2], [1, 2], [-3, 2]])
    assert fill_outlines([(block, [])], 4, 5).sum() == 3 * 2
    assert not fill_outlines([(block + 100, []), (block - 100, [])], 4, 5).any()


@given(ring=arrays(np.int64, st.tuples(st.integers(3, 8), st.just(2)), elements=st.integers(-20, 30)))
@settings(max_examples=200)
def test_a_picture_shows_a_part_of_what_a_larger_one_shows(ring: Any) -> None:
    larger = fill_outlines([(ring + 20, [])], 60, 60)
    assert np.array_equal(fill_outlines([(ring, [])], 9, 11), larger[20:29, 20:31])


def test_a_point_far_away_costs_no_more_than_a_near_one() -> None:
    # drawn in full, the lines to it would have a billion pixels
    ring = find_pixels(np.array([[2, 1], [5e8, 1], [5e8, 5e8], [2, 5e8]], float))
    assert ring is not None
    expected = np.zeros((6, 8), bool)
    expected[1:, 2:] = True
    assert np.array_equal(fill_outlines([(ring, [])], 6, 8), expected)


def test_only_whole_numbers_are_pixels() -> None:
    points = np.array([[1.0, 2.0], [5.003, 2.0], [5.0, 6.998]])
    pixels = find_pixels(points)
    assert pixels is not None and pixels.tolist() == [[1, 2], [5, 2], [5, 7]]
    assert find_pixels(points + np.array([[0, 0], [0, 0.3], [0, 0]])) is None
    assert find_pixels(points + 0.499) is None
    centres = find_pixels(points + 0.499, centres=True)
    assert centres is not None and centres.tolist() == pixels.tolist()
    assert (
        find_pixels(points + np.array([[0, 0.5]]), centres=True) is None
    )  # between pixels, as earlier versions wrote outlines
    for far in (np.nan, np.inf, 1e300):
        assert find_pixels(points + np.array([[0, 0], [0, far], [0, 0]])) is None


@given(mask=BINARY)
@settings(max_examples=50)
def test_pillow_fills_the_outlines_to_the_same_mask(mask: Any) -> None:
    """As labelme draws them."""
    picture = Image.new("1", mask.shape[::-1])
    for ring in trace_contours(mask):
        ImageDraw.Draw(picture).polygon([(x, y) for x, y in ring.tolist()], fill=1, outline=1)
    assert np.array_equal(np.asarray(picture), mask)
