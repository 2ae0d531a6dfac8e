"""Heat maps of any model: how its score changes where parts of the image are hidden."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import resize_plane

Scores = Callable[[Array], Array]  # (N, 3, H, W) inputs to (N,) scores
Place = TypeVar("Place")

_PATCHES = 8  # positions of the occluding patch along each side
_CELLS = 7  # of a random mask along each side
_BATCH = 16


def occlude(pixels: Array, scores: Scores) -> Array:
    """The mean loss of score over all patches that hide a cell (Zeiler and Fergus 2014, arXiv:1311.2901).

    Patches are two cells wide and filled with the mean colour of the training of the weights.

    Args:
        pixels: (3, H, W) float32, normalised.
        scores: of the model.

    Returns:
        (8, 8) float32, in units of the score.
    """
    rows, columns = (np.linspace(0, side, _PATCHES + 1).round().astype(int) for side in pixels.shape[1:])
    places = [(row, column) for row in range(_PATCHES - 1) for column in range(_PATCHES - 1)]

    def hide(place: tuple[int, int]) -> Array:
        row, column = place
        hidden = pixels.copy()
        hidden[:, rows[row] : rows[row + 2], columns[column] : columns[column + 2]] = 0
        return hidden

    losses = scores(pixels[None])[0] - _in_batches(places, hide, scores)
    total, count = (np.zeros((_PATCHES, _PATCHES), dtype=np.float64) for _ in range(2))
    for (row, column), loss in zip(places, losses, strict=True):
        total[row : row + 2, column : column + 2] += loss
        count[row : row + 2, column : column + 2] += 1
    return np.asarray(total / count, dtype=np.float32)


def rise(pixels: Array, scores: Scores, count: int, seed: int) -> Array:
    """The mean score where a pixel is visible minus that where it is hidden (Petsiuk et al. 2018, arXiv:1806.07421).

    Random masks of 7 x 7 cells, enlarged and shifted, leave half of the image visible.

    Args:
        pixels: (3, H, W) float32, normalised.
        scores: of the model.
        count: of masks.
        seed: of their random numbers.

    Returns:
        (H, W) float32, in units of the score.
    """
    height, width = pixels.shape[1:]
    weighted, visible, total = np.zeros((height, width)), np.zeros((height, width)), 0.0
    for start in range(0, count, _BATCH):
        masks = [
            _random_mask(height, width, (seed, number)) for number in range(start, min(start + _BATCH, count))
        ]
        stacked = np.stack(masks)
        values = scores(pixels * stacked[:, None])
        weighted += np.tensordot(values, stacked, axes=1)
        visible += stacked.sum(axis=0)
        total += float(values.sum())
    hidden = count - visible
    return np.asarray(weighted / visible - (total - weighted) / hidden, dtype=np.float32)


def _random_mask(height: int, width: int, seed: tuple[int, int]) -> Array:
    """(height, width) float32 of 0 to 1."""
    rng = np.random.default_rng(seed)
    cells = (rng.random((_CELLS + 1, _CELLS + 1)) < 0.5).astype(np.float32)
    down, right = -(-height // _CELLS), -(-width // _CELLS)
    large = resize_plane(cells, (_CELLS + 1) * down, (_CELLS + 1) * right)
    top, left = rng.integers(0, down), rng.integers(0, right)
    return np.asarray(large[top : top + height, left : left + width])


def _in_batches(places: list[Place], make: Callable[[Place], Array], scores: Scores) -> Array:
    batches = [places[at : at + _BATCH] for at in range(0, len(places), _BATCH)]
    return np.concatenate([scores(np.stack([make(place) for place in batch])) for batch in batches])
