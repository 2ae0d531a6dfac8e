"""Do image and mask belong together? Told without a model: by what the picture says of the mask's classes and borders.

A mask that was drawn for a picture follows its brightness, texture and edges; that of another picture does so by chance
alone. How well a mask fits is therefore counted in standard deviations from what other images and other masks give.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Score = Callable[
    [Array], Array
]  # of n rows the (n, n) fit of each row's image (or answer) with each row's mask

LEAST = 20  # images with masks; with fewer, chance is not known
CHANCE = 1.0  # fit of a mask under which it could be that of any other image
TELLING = 3.0  # fit of the typical mask under which the measure tells nothing on these data
FITS = 4.0  # fit from which the mask of another image counts as found
BRIGHTNESS, TEXTURE = 8, 2  # steps of equally many pixels
_BLOCK = 256  # images compared with each other at once: cost and memory grow linearly with the images
_CELLS = 64_000_000  # of a block's table, the most
_WINDOW = 5  # pixels, in which texture is measured
_SEED = 7


@dataclass(frozen=True, slots=True)
class Misfit:
    """A mask that fits its image no better than the masks of other images do."""

    row: int
    other: int | None  # the row whose mask fits this image far better, where there is one


def misfits(rows: Array, score: Score, cells: int) -> list[Misfit] | None:
    """The masks that don't belong to their images; None where the measure can't tell (or nearly all are wrong).

    Rows are compared in random blocks; a second look compares those that stood out, so two whose masks were swapped
    find each other.

    Args:
        rows: (N,) row numbers, N at least `LEAST`.
        score: how well images and masks of n rows fit.
        cells: of the table of one image and one mask: kinds of pixels times classes.
    """
    drawn = np.random.default_rng(_SEED).permutation(rows)
    block = max(LEAST, min(_BLOCK, math.isqrt(_CELLS // cells)))
    blocks = np.array_split(drawn, -(-len(drawn) // block))
    own = np.concatenate([np.diagonal(standing(score(block))) for block in blocks])
    if np.median(own) < TELLING:
        return None
    order = np.argsort(own)
    together = drawn[order[:block]]
    others = _others(standing(score(together)))
    doubtful = drawn[order[: int((own < CHANCE).sum())]].tolist()
    named = {int(together[place]): int(together[other]) for place, other in others.items()}
    mates = [row for row, other in named.items() if named.get(other) == row and row not in doubtful]
    return [Misfit(row, named.get(row)) for row in doubtful + mates]


def _others(fits: Array) -> dict[int, int]:
    """Of each of n images whose own mask fits badly, or is swapped with another one: whose mask fits it best."""
    own, best = np.diagonal(fits), fits.argmax(axis=1)
    found = {}
    for place, other in enumerate(best.tolist()):
        both = fits[place, other] + fits[other, place] - own[place] - own[other]
        swapped = best[other] == place and both >= FITS
        if other != place and fits[place, other] >= FITS and (own[place] < CHANCE or swapped):
            found[place] = other
    return found


def standing(scores: Array) -> Array:
    """(n, n): by how many standard deviations each image and mask fit better than chance; n at least 3.

    Some images fit every mask a little, and some masks every image: what row and column give is taken out. The
    diagonal, where image and mask should belong together, has no part in it, nor in the deviation.

    Source: effects of a round robin by least squares, Warner, Kenny and Stoto 1979, J. Pers. Soc. Psychol. 37(10).
    """
    count = len(scores)
    off = ~np.eye(count, dtype=bool)
    others = np.where(off, scores, 0).astype(np.float64)
    rows, columns = others.sum(axis=1) / (count - 1), others.sum(axis=0) / (count - 1)
    whole, share = rows.mean(), (count - 1) / (count * (count - 2))
    of_rows = share * ((count - 1) * rows + columns - count * whole)
    of_columns = share * ((count - 1) * columns + rows - count * whole)
    rest = scores - of_rows[:, None] - of_columns - whole
    return np.asarray(rest / max(float(rest[off].std()), 1e-9))


def fit_of_pictures(copies: Array, masks: Array, classes: int) -> Array:
    """(n, n): how well n pictures explain n masks, by brightness and texture of the classes and by the borders' edges.

    Args:
        copies: (n, S, S) uint8 grey pictures.
        masks: (n, S, S) uint8 class indices, or IGNORE.
        classes: C.
    """
    inside = standing(shared_information(looks(copies), masks, (BRIGHTNESS * TEXTURE, classes)))
    return np.asarray(inside + standing(_edges_at_borders(copies, masks)))


def looks(copies: Array) -> Array:
    """(n, S, S) uint8: the kind of every pixel, by the quantile of its brightness and of the texture around it."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    grey = copies.astype(np.float32)
    window = (0, _WINDOW, _WINDOW)
    variance = uniform_filter(grey**2, window) - uniform_filter(grey, window) ** 2
    smooth = gaussian_filter(grey, (0, 1, 1))
    texture = gaussian_filter(np.sqrt(np.maximum(variance, 0)), (0, 1, 1))
    return np.asarray(_steps(smooth, BRIGHTNESS) * TEXTURE + _steps(texture, TEXTURE))


def _steps(values: Array, steps: int) -> Array:
    """(n, S, S) uint8 of 0..steps - 1, in each picture of equally many pixels but for ties."""
    flat = values.reshape(len(values), -1)
    edges = np.quantile(flat, np.arange(1, steps) / steps, axis=1)
    return np.asarray((flat[None] > edges[..., None]).sum(axis=0).astype(np.uint8).reshape(values.shape))


def shared_information(kinds: Array, masks: Array, many: tuple[int, int]) -> Array:
    """(n, n): how much the kinds of pixels of each image tell of the classes of each mask.

    Args:
        kinds: (n, S, S) of 0..K-1.
        masks: (n, S, S) of 0..C-1; any other value is left out.
        many: (K, C).

    Returns:
        Mutual information over the square root of the mask's entropy, so that neither masks of nearly one class nor
        those of many classes lead.
    """
    table = _indicators(kinds, many[0]) @ _indicators(masks, many[1]).T
    count = len(kinds)
    joint = table.reshape(count, many[0], count, many[1]).swapaxes(1, 2)
    joint = joint / np.maximum(joint.sum(axis=(2, 3), keepdims=True), 1)
    of_kinds, of_classes = joint.sum(axis=3), joint.sum(axis=2)
    entropy = _entropy(of_classes)
    information = _entropy(of_kinds) + entropy - _entropy(joint.reshape(count, count, -1))
    return np.asarray(information / np.sqrt(np.maximum(entropy, 1e-3)))


def _indicators(values: Array, many: int) -> Array:
    """(n * many, S * S) float32: 1 where a pixel has a value."""
    flat = values.reshape(len(values), 1, -1)
    found = (flat == np.arange(many)[None, :, None]).astype(np.float32)
    return np.asarray(found.reshape(len(values) * many, -1))


def _entropy(shares: Array) -> Array:
    return np.asarray((-shares * np.log(np.maximum(shares, 1e-12))).sum(axis=-1))


def _edges_at_borders(copies: Array, masks: Array) -> Array:
    """(n, n): how much stronger the edges of each picture are along the borders of each mask than elsewhere."""
    from scipy.ndimage import gaussian_gradient_magnitude
    from scipy.stats import rankdata

    slopes = np.stack([gaussian_gradient_magnitude(copy.astype(np.float32), 1.0) for copy in copies])
    ranks = rankdata(slopes.reshape(len(copies), -1), axis=1) / slopes[0].size - 0.5
    border = np.zeros(masks.shape, dtype=bool)
    across, along = masks[:, 1:] != masks[:, :-1], masks[:, :, 1:] != masks[:, :, :-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[:, :, 1:] |= along
    border[:, :, :-1] |= along
    drawn = border.reshape(len(masks), -1).astype(np.float32)
    return np.asarray(ranks.astype(np.float32) @ drawn.T / np.sqrt(np.maximum(drawn.sum(axis=1), 1)))
