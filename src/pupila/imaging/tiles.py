"""Pictures of any size in overlapping tiles, whose answers blend into one without seams, in flat memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pupila.core.threads import ahead

Array = NDArray[Any]
Answer = Callable[[Array], Array]  # (tile, tile, 3) uint8 to (C, tile, tile) probabilities

_LEAST = 1e-3  # weight at a tile's edge: the picture's own borders lie in no other tile


class Readable(Protocol):
    """A picture that is read part by part, such as `geotiff.Scene`."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def width(self) -> int:
        """Pixels."""

    def read(self, top: int, left: int, height: int, width: int) -> Array:
        """The part as (height, width, 3) uint8; it lies inside the picture."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A picture in memory, read like one that is not."""

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
    """(top, left) of all tiles of a picture, row by row: the order in which they are cut, answered and blended."""
    lefts = tile_origins(width, tile, overlap)
    return [(top, left) for top in tile_origins(height, tile, overlap) for left in lefts]


def _profile(tile: int) -> Array:
    """(tile,) float32 weights along one side: half a period of a squared sine, with a floor."""
    place = (np.arange(tile, dtype=np.float32) + 0.5) / tile
    return np.asarray(np.maximum(np.sin(np.pi * place) ** 2, _LEAST), np.float32)


def window(tile: int) -> Array:
    """(tile, tile) float32 in (0, 1]: how much each pixel of a tile's answer counts, most in the middle.

    Source: the product of two Hann windows, with a floor, since a pixel at the picture's border lies in one tile.
    """
    return np.outer(_profile(tile), _profile(tile))


def padded(pixels: Array, tile: int) -> Array:
    """(H, W, C) mirrored at its right and lower edge up to a tile's side where it is smaller."""
    height, width = pixels.shape[:2]
    below, right = max(0, tile - height), max(0, tile - width)
    if not below and not right:
        return pixels
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="symmetric")


def cut(pixels: Array, tile: int, overlap: int) -> Array:
    """All tiles of a picture, in the order of `origins`.

    Args:
        pixels: (H, W, 3) uint8; mirrored up to a tile's side where it is smaller.
        tile: side, pixels.
        overlap: pixels that neighbours share at least.

    Returns:
        (K, tile, tile, 3) uint8.
    """
    height, width = pixels.shape[:2]
    large, places = padded(pixels, tile), origins(height, width, tile, overlap)
    return np.stack([large[top : top + tile, left : left + tile] for top, left in places])


def blend(probabilities: Array, origins: list[tuple[int, int]], height: int, width: int) -> Array:
    """The answers of overlapping tiles as one, weighted by `window`.

    Args:
        probabilities: (K, C, tile, tile).
        origins: (top, left) of each, as `cut` gives them.
        height: of the picture, pixels.
        width: of the picture, pixels.

    Returns:
        (C, height, width) float32; what was padded is cut off.
    """
    tile = probabilities.shape[-1]
    weights = window(tile)
    total = np.zeros((probabilities.shape[1], max(height, tile), max(width, tile)), np.float32)
    norm = np.zeros(total.shape[1:], np.float32)
    for answer, (top, left) in zip(probabilities, origins, strict=True):
        place = slice(top, top + tile), slice(left, left + tile)
        total[:, *place] += answer * weights
        norm[place] += weights
    return np.asarray((total / norm)[:, :height, :width])


def blended_strips(scene: Readable, tile: int, overlap: int, answer: Answer) -> Iterator[tuple[int, Array]]:
    """What `blend` gives for a scene of any size, strip by strip from the top; one row of tiles is in memory.

    Every core answers a tile of its own: measured, batches only take more memory.

    Args:
        scene: the picture; it is read from several threads.
        tile: side, pixels.
        overlap: pixels that neighbours share at least.
        answer: (tile, tile, 3) uint8 to (C, tile, tile) probabilities; called from several threads.

    Yields:
        (top, (C, h, W) float32): strips without gaps, each row once.
    """
    tops = tile_origins(scene.height, tile, overlap)
    lefts = tile_origins(scene.width, tile, overlap)
    weights, down, across = window(tile), _sums(tops, tile), _sums(lefts, tile)
    ends = [*tops[1:], scene.height]
    open_ = np.zeros((0, tile, len(across)), np.float32)  # weighted sums of rows that further tiles may reach

    def answered(place: tuple[int, int]) -> tuple[int, int, Array]:
        row, left = place
        return row, left, answer(_read(scene, tops[row], left, tile))

    places = ((row, left) for row in range(len(tops)) for left in lefts)
    for row, left, part in ahead(places, answered):
        if not len(open_):
            open_ = np.zeros((len(part), *open_.shape[1:]), np.float32)
        open_[:, :, left : left + tile] += part * weights
        if left == lefts[-1]:
            top, ready = tops[row], ends[row] - tops[row]
            norm = np.outer(down[top : top + ready], across)
            yield top, (open_[:, :ready] / norm)[:, :, : scene.width]
            open_ = np.concatenate([open_[:, ready:], np.zeros_like(open_[:, :ready])], axis=1)


def _read(scene: Readable, top: int, left: int, tile: int) -> Array:
    """(tile, tile, 3) uint8."""
    return padded(scene.read(top, left, min(tile, scene.height), min(tile, scene.width)), tile)


def _sums(origins: list[int], tile: int) -> Array:
    """The weights along one side, added over all tiles: the window is a product, so its sums are, too."""
    total, profile = np.zeros(origins[-1] + tile, np.float32), _profile(tile)
    for origin in origins:
        total[origin : origin + tile] += profile
    return total
