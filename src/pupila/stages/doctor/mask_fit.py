"""Score whether image and mask belong together, without a model.

A mask that was drawn for an image follows its brightness, texture and edges; the mask of another image does so only by
chance. The fit of a mask is therefore measured in standard deviations above the fit of other images and other masks.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.vocabulary import IGNORE

Array = NDArray[Any]
# Of n rows: the (n, n) fit of each row's image (or prediction) with each row's mask.
Score = Callable[[Array], Array]

MIN_MASKS = 20  # images with masks; with fewer, the fit by chance is not known
CHANCE_FIT = 1.0  # fit below which a mask could belong to any other image
MIN_TYPICAL_FIT = 3.0  # median fit below which the measure does not work on these data
MATCHING_FIT = 4.0  # fit from which the mask of another image is a match
POOR_COPY, MOST_COPIES = 0.25, 3  # fit of a copied mask, as a share of the original's; images with one mask
LEAST_SHARE = 0.01  # of the classes beside the largest, under which a mask is tiny or full and fits much
BRIGHTNESS, TEXTURE = 8, 2  # steps of equally many pixels
_BLOCK = 256  # images compared with each other at once: time and memory grow linearly with the images
_CELLS = 64_000_000  # of a block's table, at most
_WINDOW = 5  # pixels, in which texture is measured
_SEED = 7


@dataclass(frozen=True, slots=True)
class Misfit:
    """A mask that fits its image no better than the masks of other images do."""

    row: int
    other: int | None  # the row whose mask belongs to this image beyond doubt, or of whose mask it has a copy
    copied: bool = False


def find_misfits(rows: Array, score: Score, cells: int, masks: Array) -> list[Misfit] | None:
    """The masks that do not belong to their images; None if the measure does not work, or nearly all masks are wrong.

    Rows are compared in random blocks; a second pass compares the rows that stood out, so that two images with swapped
    masks are compared with each other. Among many masks some fit another image by chance, so that alone names no row.

    Args:
        rows: (N,) row numbers, N at least `MIN_MASKS`.
        score: the fit of the images and masks of n rows.
        cells: of the table of one image and one mask: kinds of pixels times classes.
        masks: (N, S, S) uint8 class indices, or IGNORE, of these rows.
    """
    order = np.random.default_rng(_SEED).permutation(len(rows))
    block = max(MIN_MASKS, min(_BLOCK, math.isqrt(_CELLS // cells)))
    blocks = np.array_split(order, -(-len(order) // block))
    own = np.empty(len(rows))
    for part in blocks:
        own[part] = np.diagonal(standardize_scores(score(rows[part])))
    if np.median(own) < MIN_TYPICAL_FIT:
        return None
    suspects = order[np.argsort(own[order])][:block]
    informative = _find_informative(masks)
    others = _find_exchanges(standardize_scores(score(rows[suspects])), informative[suspects])
    named = {int(suspects[place]): int(suspects[other]) for place, other in others.items()}
    copies = _find_copies(masks, own, informative)
    named |= copies
    doubtful = [place for place in order[np.argsort(own[order])].tolist() if own[place] < CHANCE_FIT]
    mates = [place for place in named if place not in doubtful]
    return [
        Misfit(int(rows[place]), int(rows[named[place]]) if place in named else None, place in copies)
        for place in doubtful + mates
    ]


def _find_informative(masks: Array) -> Array:
    """(N,) bool: whether a mask is neither tiny nor full, so that its shape can fit an image or not."""
    least = []
    for mask in masks:
        counts = np.bincount(mask[mask != IGNORE])
        least.append(1 - counts.max() / counts.sum() if counts.size else 0.0)
    return np.asarray(least) >= LEAST_SHARE


def _find_exchanges(fits: Array, informative: Array) -> dict[int, int]:
    """Image to the image whose mask fits it, where both agree: swapped in pairs, or moved on in a ring.

    Args:
        fits: (n, n) of the images and masks of n rows.
        informative: (n,) bool, whether a mask is neither tiny nor full.
    """
    own, best = np.diagonal(fits), fits.argmax(axis=1)
    exchanges = {}
    for place, other in enumerate(best.tolist()):
        if (
            other == place
            or fits[place, other] < MATCHING_FIT
            or not (informative[place] and informative[other])
        ):
            continue
        both = fits[place, other] + fits[other, place] - own[place] - own[other]
        mutual = best[other] == place and both >= MATCHING_FIT
        # No other mask fits the image, no other image the mask, and neither of them what lies beside it.
        lone = _leads(fits[place], other) and _leads(fits[:, other], place)
        if mutual or (lone and fits[place, other] - max(own[place], own[other]) >= MATCHING_FIT):
            exchanges[place] = other
    return exchanges


def _leads(fits: Array, place: int) -> bool:
    """Whether a fit is above all others by more than chance."""
    return bool(fits[place] - np.delete(fits, place).max() >= CHANCE_FIT)


def _find_copies(masks: Array, own: Array, informative: Array) -> dict[int, int]:
    """Image to the image whose mask it has, pixel by pixel, where that mask fits the other far better.

    A mask of more than a few images is one by design, such as the field of a fixed camera.
    """
    alike = defaultdict[bytes, list[int]](list)
    for place, mask in enumerate(masks):
        if informative[place]:
            alike[mask.tobytes()].append(place)
    copies: dict[int, int] = {}
    for places in alike.values():
        original = max(places, key=lambda place: float(own[place]))
        if len(places) <= MOST_COPIES and own[original] >= MATCHING_FIT:
            copies |= {place: original for place in places if own[place] < POOR_COPY * own[original]}
    return copies


def standardize_scores(scores: Array) -> Array:
    """(n, n): by how many standard deviations each image and mask fit better than chance; n at least 3.

    Some images fit every mask a little, and some masks fit every image: the effects of row and column are removed. The
    diagonal, where image and mask should belong together, is left out of these effects and of the deviation.

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


def score_image_masks(copies: Array, masks: Array, classes: int) -> Array:
    """(n, n): fit of n images and n masks, by the brightness and texture of the classes and the edges at their borders.

    Args:
        copies: (n, S, S) uint8 grey images.
        masks: (n, S, S) uint8 class indices, or IGNORE.
        classes: C.
    """
    inside = standardize_scores(
        mutual_information(quantize_appearance(copies), masks, (BRIGHTNESS * TEXTURE, classes))
    )
    return np.asarray(inside + standardize_scores(_score_border_edges(copies, masks)))


def quantize_appearance(copies: Array) -> Array:
    """(n, S, S) uint8: the bin of every pixel, by the quantiles of its brightness and of the texture around it."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    grey = copies.astype(np.float32)
    window = (0, _WINDOW, _WINDOW)
    variance = uniform_filter(grey**2, window) - uniform_filter(grey, window) ** 2
    smooth = gaussian_filter(grey, (0, 1, 1))
    texture = gaussian_filter(np.sqrt(np.maximum(variance, 0)), (0, 1, 1))
    return np.asarray(_steps(smooth, BRIGHTNESS) * TEXTURE + _steps(texture, TEXTURE))


def _steps(values: Array, steps: int) -> Array:
    """(n, S, S) uint8 of 0..steps - 1; in each image, equally many pixels per step except for ties."""
    flat = values.reshape(len(values), -1)
    edges = np.quantile(flat, np.arange(1, steps) / steps, axis=1)
    return np.asarray((flat[None] > edges[..., None]).sum(axis=0).astype(np.uint8).reshape(values.shape))


def mutual_information(kinds: Array, masks: Array, sizes: tuple[int, int]) -> Array:
    """(n, n): mutual information between the pixel bins of each image and the classes of each mask.

    Args:
        kinds: (n, S, S) of 0..K-1.
        masks: (n, S, S) of 0..C-1; any other value is ignored.
        sizes: (K, C).

    Returns:
        Mutual information over the square root of the mask's entropy, so that neither masks of nearly one class nor
        masks of many classes score highest.
    """
    table = _one_hot(kinds, sizes[0]) @ _one_hot(masks, sizes[1]).T
    count = len(kinds)
    joint = table.reshape(count, sizes[0], count, sizes[1]).swapaxes(1, 2)
    joint = joint / np.maximum(joint.sum(axis=(2, 3), keepdims=True), 1)
    of_kinds, of_classes = joint.sum(axis=3), joint.sum(axis=2)
    entropy = _entropy(of_classes)
    information = _entropy(of_kinds) + entropy - _entropy(joint.reshape(count, count, -1))
    return np.asarray(information / np.sqrt(np.maximum(entropy, 1e-3)))


def _one_hot(values: Array, count: int) -> Array:
    """(n * count, S * S) float32: 1 where a pixel has a value."""
    flat = values.reshape(len(values), 1, -1)
    hits = (flat == np.arange(count)[None, :, None]).astype(np.float32)
    return np.asarray(hits.reshape(len(values) * count, -1))


def _entropy(shares: Array) -> Array:
    return np.asarray((-shares * np.log(np.maximum(shares, 1e-12))).sum(axis=-1))


def _score_border_edges(copies: Array, masks: Array) -> Array:
    """(n, n): how much stronger the edges of each image are along the borders of each mask than elsewhere."""
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
