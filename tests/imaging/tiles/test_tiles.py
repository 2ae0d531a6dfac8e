"""Tiles cover every pixel, and their blended answers are those of the whole picture."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pupila.imaging.tiles import (
    blend_strips,
    blend_tiles,
    cut_tiles,
    origins,
    tile_origins,
    window,
)

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ArrayImage:
    """An image in memory, with the interface of one that is not."""

    pixels: Array  # (H, W, 3) uint8

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    def read(self, top: int, left: int, height: int, width: int) -> Array:
        """The part as (height, width, 3) uint8."""
        return self.pixels[top : top + height, left : left + width]


def picture(height: int, width: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def of_pixels(tile: Array) -> Array:
    """(t, t, 3) to (3, t, t): a prediction from each pixel alone."""
    return tile.transpose(2, 0, 1).astype(np.float32) / 255


def test_tiles_stand_evenly_and_the_last_is_flush_with_the_edge() -> None:
    assert tile_origins(10, 4, 0) == [0, 3, 6]
    assert tile_origins(8, 4, 0) == [0, 4]
    assert tile_origins(8, 4, 2) == [0, 2, 4]
    assert tile_origins(4, 4, 2) == tile_origins(3, 4, 2) == [0]


@given(length=st.integers(1, 300), tile=st.integers(1, 64), share=st.floats(0, 0.99))
def test_tiles_leave_no_gap_and_share_what_they_should(length: int, tile: int, share: float) -> None:
    overlap = int(tile * share)
    origins = tile_origins(length, tile, overlap)
    assert origins[0] == 0
    assert origins[-1] == max(0, length - tile)
    assert all(0 < b - a <= tile - overlap for a, b in pairwise(origins))


def test_the_window_is_even_positive_and_highest_in_the_middle() -> None:
    weights = window(9)
    assert weights.dtype == np.float32
    assert weights.min() > 0
    assert weights.max() == weights[4, 4] == 1
    assert np.allclose(weights, weights[::-1, ::-1])
    assert np.allclose(weights, weights.T)


def test_a_small_image_is_mirrored_up_to_a_tile_and_cropped_again() -> None:
    pixels = picture(3, 5)
    tiles, places = cut_tiles(pixels, 4, 1), origins(3, 5, 4, 1)
    assert places == [(0, 0), (0, 1)]
    assert tiles.shape == (2, 4, 4, 3)
    assert (tiles[0, 3] == pixels[2, :4]).all()
    assert np.allclose(
        blend_tiles(np.stack([*map(of_pixels, tiles)]), places, 3, 5),
        pixels.transpose(2, 0, 1) / 255,
        atol=1e-6,
    )


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (16, 16), (37, 50), (64, 23)])
@pytest.mark.parametrize("overlap", [0, 5, 12])
def test_constants_stay_constant_and_strips_are_the_blend(size: tuple[int, int], overlap: int) -> None:
    pixels = picture(*size)
    tiles, places = cut_tiles(pixels, 16, overlap), origins(*size, 16, overlap)
    constant = np.full((len(tiles), 2, 16, 16), 0.3, np.float32)
    assert np.abs(blend_tiles(constant, places, *size) - 0.3).max() < 1e-6
    # An answer that differs from tile to tile, so that the blend counts.
    uneven = np.stack([of_pixels(tile) + tile.mean() / 255 for tile in tiles])
    strips = list(
        blend_strips(ArrayImage(pixels), 16, overlap, lambda tile: of_pixels(tile) + tile.mean() / 255)
    )
    tops = np.cumsum([0, *(strip.shape[1] for _, strip in strips)])
    assert [top for top, _ in strips] == tops[:-1].tolist()
    assert tops[-1] == size[0]
    streamed = np.concatenate([strip for _, strip in strips], axis=1)
    assert np.abs(streamed - blend_tiles(uneven, places, *size)).max() < 1e-6


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(2, 17), overlap=st.integers(0, 16)
)
@settings(max_examples=30)
def test_predictions_without_context_equal_those_of_the_whole(
    height: int, width: int, tile: int, overlap: int
) -> None:
    pixels = picture(height, width)
    strips = blend_strips(ArrayImage(pixels), tile, min(overlap, tile - 1), of_pixels)
    whole = np.concatenate([strip for _, strip in strips], axis=1)
    assert np.abs(whole - pixels.transpose(2, 0, 1) / 255).max() < 1e-5


def test_each_tile_is_read_once_and_a_strip_comes_before_the_next_rows() -> None:
    read: list[int] = []

    class Watched(ArrayImage):
        def read(self, top: int, left: int, height: int, width: int) -> Array:
            read.append(top)
            return super().read(top, left, height, width)

    strips = blend_strips(Watched(picture(2000, 16)), 16, 0, of_pixels)
    next(strips)
    assert len(read) < 2000 / 16 / 2
    assert len(list(strips)) + 1 == len(read) == 2000 / 16
