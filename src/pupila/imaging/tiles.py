"""Images of any size in overlapping tiles, whose predictions are blended without seams, in constant memory."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pupila.core.threads import prefetch

Array = NDArray[Any]
TilePredictor = Callable[[Array], Array]  # (tile, tile, 3) uint8 to (C, tile, tile) probabilities

_LEAST = 1e-3  # weight at a tile's edge: the image's own borders are in no other tile


class ImageReader(Protocol):
    """An image that is read part by part, such as `geotiff.Scene`."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def width(self) -> int:
        """Pixels."""

    def read(self, top: int, left: int, height: int, width: int) -> Array:
        """The part as (height, width, 3) uint8; it lies inside the image."""


def tile_origins(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one side: evenly, the last flush with the edge; one at 0 where length <= tile.

    Args:
        length: of the side, pixels.
        tile: its side, pixels.
        overlap: pixels that neighbours share at least; less than a tile.
    """
    if length <= tile:
        return [0]
    steps = -(-(length - tile) // (tile - overlap))
    return [(length - tile) * step // steps for step in range(steps + 1)]


def origins(height: int, width: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """(top, left) of all tiles of an image, row by row: the order in which they are cut, predicted and blended."""
    lefts = tile_origins(width, tile, overlap)
    return [(top, left) for top in tile_origins(height, tile, overlap) for left in lefts]


def _profile(tile: int) -> Array:
    """(tile,) float32 weights along one side: half a period of a squared sine, with a floor."""
    place = (np.arange(tile, dtype=np.float32) + 0.5) / tile
    return np.asarray(np.maximum(np.sin(np.pi * place) ** 2, _LEAST), np.float32)


def window(tile: int) -> Array:
    """(tile, tile) float32 in (0, 1]: the weight of each pixel of a tile's prediction, largest in the middle.

    Source: the product of two Hann windows, with a floor, since a pixel at the image's border is in one tile only.
    """
    return np.outer(_profile(tile), _profile(tile))


def pad_to_tile(pixels: Array, tile: int) -> Array:
    """(H, W, C) mirrored at its right and lower edge up to a tile's side where it is smaller."""
    height, width = pixels.shape[:2]
    below, right = max(0, tile - height), max(0, tile - width)
    if not below and not right:
        return pixels
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="symmetric")


def cut_tiles(pixels: Array, tile: int, overlap: int) -> Array:
    """All tiles of an image, in the order of `origins`.

    Args:
        pixels: (H, W, 3) uint8; mirrored up to a tile's side where it is smaller.
        tile: side, pixels.
        overlap: pixels that neighbours share at least.

    Returns:
        (K, tile, tile, 3) uint8.
    """
    height, width = pixels.shape[:2]
    large, places = pad_to_tile(pixels, tile), origins(height, width, tile, overlap)
    return np.stack([large[top : top + tile, left : left + tile] for top, left in places])


def blend_tiles(probabilities: Array, origins: list[tuple[int, int]], height: int, width: int) -> Array:
    """The predictions of overlapping tiles as one, weighted by `window`.

    Args:
        probabilities: (K, C, tile, tile).
        origins: (top, left) of each tile, in the order of `cut_tiles`.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        (C, height, width) float32; what was padded is cut off.
    """
    tile = probabilities.shape[-1]
    weights = window(tile)
    total = np.zeros((probabilities.shape[1], max(height, tile), max(width, tile)), np.float32)
    norm = np.zeros(total.shape[1:], np.float32)
    for prediction, (top, left) in zip(probabilities, origins, strict=True):
        place = slice(top, top + tile), slice(left, left + tile)
        total[:, *place] += prediction * weights
        norm[place] += weights
    return np.asarray((total / norm)[:, :height, :width])


def blend_strips(
    scene: ImageReader, tile: int, overlap: int, predict: TilePredictor
) -> Iterator[tuple[int, Array]]:
    """`blend_tiles` for a scene of any size, strip by strip from the top, with one row of tiles in memory.

    Every core predicts a tile of its own: measured, batches only take more memory.

    Args:
        scene: the image; it is read from several threads.
        tile: side, pixels.
        overlap: pixels that neighbours share at least.
        predict: (tile, tile, 3) uint8 to (C, tile, tile) probabilities; called from several threads.

    Yields:
        (top, (C, h, W) float32): strips without gaps, each row once.
    """
    tops = tile_origins(scene.height, tile, overlap)
    lefts = tile_origins(scene.width, tile, overlap)
    weights, down, across = window(tile), _sums(tops, tile), _sums(lefts, tile)
    ends = [*tops[1:], scene.height]
    open_ = np.zeros((0, tile, len(across)), np.float32)  # weighted sums of rows that further tiles may reach

    def predict_tile(place: tuple[int, int]) -> tuple[int, int, Array]:
        row, left = place
        return row, left, predict(_read(scene, tops[row], left, tile))

    places = ((row, left) for row in range(len(tops)) for left in lefts)
    for row, left, part in prefetch(places, predict_tile):
        if not len(open_):
            open_ = np.zeros((len(part), *open_.shape[1:]), np.float32)
        open_[:, :, left : left + tile] += part * weights
        if left == lefts[-1]:
            top, ready = tops[row], ends[row] - tops[row]
            norm = np.outer(down[top : top + ready], across)
            yield top, (open_[:, :ready] / norm)[:, :, : scene.width]
            open_ = np.concatenate([open_[:, ready:], np.zeros_like(open_[:, :ready])], axis=1)


def _read(scene: ImageReader, top: int, left: int, tile: int) -> Array:
    """(tile, tile, 3) uint8."""
    return pad_to_tile(scene.read(top, left, min(tile, scene.height), min(tile, scene.width)), tile)


def _sums(origins: list[int], tile: int) -> Array:
    """The weights along one side, summed over all tiles: the window is separable, so its sums are, too."""
    total, profile = np.zeros(origins[-1] + tile, np.float32), _profile(tile)
    for origin in origins:
        total[origin : origin + tile] += profile
    return total
