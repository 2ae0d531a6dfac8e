"""The boxes of regions, by hand and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from pupila.imaging.boxes import find_boxes


def test_the_boxes_of_a_small_mask() -> None:
    mask = np.array([[1, 1, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0], [3, 0, 0, 0]], np.uint8)
    # class 1 touches at a corner: one region; the background is one region, over corners, too
    assert find_boxes(mask, 9) == {0: [(0, 0, 4, 4)], 1: [(0, 0, 3, 3)], 2: [(3, 0, 4, 1)], 3: [(0, 3, 1, 4)]}


def test_the_largest_come_first_and_no_more_than_the_limit() -> None:
    mask = np.array([[1, 0, 1, 1, 0, 1, 1, 1]], np.uint8)
    assert find_boxes(mask, 2)[1] == [(5, 0, 8, 1), (2, 0, 4, 1)]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_a_mask_without_pixels_has_no_boxes(shape: tuple[int, int]) -> None:
    assert find_boxes(np.zeros(shape, np.uint8), 5) == {}


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)))
def test_they_are_those_of_scipy(mask: np.ndarray) -> None:
    boxes = find_boxes(mask, 100)
    for value in range(3):
        labels, _ = ndimage.label(mask == value, np.ones((3, 3)))
        known = {(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)}
        assert set(boxes.get(value, [])) == known
        assert len(boxes.get(value, [])) == len(ndimage.find_objects(labels))
