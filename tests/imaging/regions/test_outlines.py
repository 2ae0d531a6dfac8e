"""Masks as run lengths and as polygons, and back without a difference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from pupila.imaging.images.decode import decode
from pupila.imaging.regions import fill_polygons, from_rle, to_rle, trace_polygons

BINARY = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
Array = NDArray[Any]


def test_run_lengths_are_cocos() -> None:
    # Down the columns: 2 empty, 1 full, 2 empty, 1 full.
    assert from_rle({"size": [3, 2], "counts": [2, 1, 2, 1]}).tolist() == [[False, False]] * 2 + [
        [True, True]
    ]
    packed = to_rle(np.array([[0, 0], [0, 0], [1, 1]], bool))
    assert packed == {"size": [3, 2], "counts": "2120"}


@given(mask=BINARY)
@settings(max_examples=50)
def test_run_lengths_round_trip(mask: Array) -> None:
    assert (from_rle(to_rle(mask)) == mask).all()


def test_long_and_many_runs_round_trip() -> None:
    noise = np.random.default_rng(0).random((900, 700))
    for share in (0, 0.001, 0.5, 1):
        assert (from_rle(to_rle(noise < share)) == (noise < share)).all()


def test_the_outline_of_a_block_runs_over_pixel_edges() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    ((outer, holes),) = trace_polygons(mask)
    assert holes == []
    assert outer[0].tolist() == outer[-1].tolist()
    assert (outer.min(axis=0).tolist(), outer.max(axis=0).tolist()) == ([2, 1], [7, 4])
    assert len(outer) == 9  # four sides, four corners cut off


def test_a_mask_that_fills_the_image_reaches_its_edges() -> None:
    ((outer, _),) = trace_polygons(np.ones((3, 5), bool))
    assert (outer.min(axis=0).tolist(), outer.max(axis=0).tolist()) == ([0, 0], [5, 3])


def test_an_empty_mask_has_no_outline() -> None:
    assert trace_polygons(np.zeros((3, 5), bool)) == []
    assert not fill_polygons([], 3, 5).any()


@given(mask=BINARY)
@settings(max_examples=200)
def test_one_polygon_a_region_and_the_same_mask_again(mask: Array) -> None:
    shapes = trace_polygons(mask)
    assert len(shapes) == ndimage.label(mask, np.ones((3, 3)))[1]
    assert (fill_polygons(shapes, *mask.shape) == mask).all()


def test_real_masks_round_trip(real_data: Callable[[str], Path]) -> None:
    checked = 0
    for path in sorted((real_data("flood_area") / "masks").iterdir())[:4]:
        mask = decode(path.read_bytes())[..., 0] > 127
        assert (fill_polygons(trace_polygons(mask), *mask.shape) == mask).all()
        checked += 1
    assert checked == 4


def test_a_foreign_polygon_is_cut_off_at_the_edges_and_may_be_open() -> None:
    square = np.array([[-3.0, -2.0], [2.0, -2.0], [2.0, 3.0], [-3.0, 3.0]])
    filled = fill_polygons([(square, [])], 4, 5)
    assert filled.sum() == 6
    assert filled[:3, :2].all()
    outside = square + 100
    assert not fill_polygons([(outside, []), (square[:2], [])], 4, 5).any()


def test_overlapping_polygons_add_up_and_a_hole_takes_only_from_its_own() -> None:
    block = np.array([[0.0, 0.0], [6.0, 0.0], [6.0, 6.0], [0.0, 6.0]])
    hole = block / 3 + 2
    assert fill_polygons([(block, [hole])], 6, 6).sum() == 36 - 4
    assert fill_polygons([(hole, []), (block, [hole])], 6, 6).all()


@pytest.mark.parametrize("counts", ["", "not run lengths", "o", "oooooooooooo2", "12", [1, 2], [12, -3]])
def test_run_lengths_that_do_not_fit_are_refused(counts: object) -> None:
    with pytest.raises(ValueError):
        from_rle({"size": [3, 3], "counts": counts})
