"""A look at a few files: whether they hold few exact values, as masks do, or many, as photographs do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core import files
from pupila.imaging.images.decode import DAMAGE, ImageFault, ImageLimits, open_image
from pupila.imaging.masks.arrays import is_array, read_array
from pupila.imaging.masks.codec import SAME_SHAPE, read_stored_mask

Array = NDArray[Any]
GRID = 64  # pixels, side of the small copy that files are compared by
SAME_REGION = 0.6  # overlap of two masks of one image above which they mark the same region
_FEW = 16  # exact values that a file may have at most to count as a mask at once
_SIDE = 320  # pixels that are looked at of each side, evenly spaced
_PEAK = 4  # levels around an exact one that smear of compression reaches, far from borders
_PEAKS = 4  # exact levels of a smeared mask at most


@dataclass(frozen=True, slots=True)
class Pixels:
    """What a file's pixels look like."""

    few: bool  # whether it holds few exact values, or plain regions of exact values
    binary: bool  # whether these are two at most
    width: int
    height: int
    grid: Array  # (GRID, GRID) bool, where the value is in the upper half: nearest pixels
    small: Array  # (GRID, GRID) the values, colours as their brightest channel

    def fits(self, other: "Pixels") -> bool:
        """Whether both have the same shape, also turned by a quarter."""
        shape, others = self.width / self.height, other.width / other.height
        return abs(shape / others - 1) <= SAME_SHAPE or abs(shape * others - 1) <= SAME_SHAPE


def read_pixels(root: str, path: str, limits: ImageLimits) -> Pixels | None:
    """The pixels of a file; None where it can't be read."""
    try:
        content = files.read_bytes(files.join(root, path))
        if is_array(content):
            array = read_array(content, limits)
            return _describe(array, (array.shape[1], array.shape[0]))
        picture, _ = open_image(content, limits)
        size = picture.size
        if picture.format == "JPEG" and max(size) > 2 * _SIDE:  # decoded at a fraction of its size
            picture.draft("L", (_SIDE, _SIDE))
            values = np.asarray(picture.convert("L"))
        elif picture.mode[0] in "IF":  # all bits: the values of a depth map are many
            picture.load()
            values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        else:
            values = read_stored_mask(content, limits=limits).values
    except (ImageFault, OSError, *DAMAGE):
        return None
    height, width = values.shape
    return _describe(values, size if (size[0] > size[1]) == (width > height) else size[::-1])


def _describe(values: Array, size: tuple[int, int]) -> Pixels:
    """What the values look like, of a file of this width and height."""
    height, width = values.shape
    thinned = values[:: max(1, height // _SIDE), :: max(1, width // _SIDE)]
    thinned = thinned if thinned.dtype == np.float64 else thinned.astype(np.int64)
    levels, counts = _count_levels(thinned)
    few = len(levels) <= _FEW or _has_plain_regions(thinned, levels, counts) or _is_smeared(thinned)
    grey = _grey(thinned)
    rows, columns = (np.arange(GRID) * side // GRID for side in grey.shape)
    small = grey[np.ix_(rows, columns)].astype(np.float64)
    grid = small > (float(grey.min()) + float(grey.max())) / 2
    binary = len(levels) <= 2 if len(levels) <= _FEW else few and _is_smeared(thinned, 2)
    return Pixels(few, binary, *size, grid, small)


def _count_levels(values: Array) -> tuple[Array, Array]:
    """The distinct values in order, and how often each occurs."""
    if values.dtype == np.float64 or values.min() < 0 or values.max() > 0xFFFF:
        return np.unique(values, return_counts=True)
    counts = np.bincount(values.ravel())
    levels = np.flatnonzero(counts)
    return levels, counts[levels]


def are_alike(samples: Iterable[Pixels]) -> bool:
    """Whether all files mark about the same pixels: a field of view or a frame, no labels."""
    grids = [pixels.grid for pixels in samples]
    if len(grids) < 2 or not all(pixels.binary for pixels in samples):
        return False
    apart = max(float((grid != grids[0]).mean()) for grid in grids[1:])
    marked = float(np.mean([min(grid.mean(), 1 - grid.mean()) for grid in grids]))
    return apart <= 0.1 * marked


def overlap(first: Pixels, second: Pixels) -> float:
    """Share of the pixels marked in either file that both mark, 0..1; 0 where nothing is marked."""
    either = float((first.grid | second.grid).mean())
    return float((first.grid & second.grid).mean()) / either if either else 0.0


def are_aligned(pairs: list[tuple[Pixels, Pixels]]) -> bool:
    """Whether masks part their own images' pixels better than other images'.

    The measure is the share of the variance of the pixels that the mask's values explain, or its marked pixels.

    Args:
        pairs: image and mask, of two images or more.
    """
    return any(_wins(pairs, regions) for regions in (_values, _mark_rare_values))


def _wins(pairs: list[tuple[Pixels, Pixels]], regions: Callable[[Pixels], Array]) -> bool:
    explained = np.array(
        [[_explain_variance(image.small, regions(mask)) for _, mask in pairs] for image, _ in pairs]
    )
    own = np.diag(explained)
    apart = ~np.eye(len(pairs), dtype=bool)
    other_masks = explained[apart].reshape(len(pairs), -1)
    other_images = explained.T[apart].reshape(len(pairs), -1)
    if not other_masks.size or float(own.mean()) <= 1.2 * float(other_masks.mean()):
        return False
    return all(float((own[:, None] > others).mean()) >= 0.75 for others in (other_masks, other_images))


def _values(mask: Pixels) -> Array:
    return mask.small


def _mark_rare_values(mask: Pixels) -> Array:
    """Where the mask's value is not its most frequent one."""
    levels, counts = np.unique(mask.small, return_counts=True)
    rare: Array = mask.small != levels[np.argmax(counts)]
    return rare


def _explain_variance(pixels: Array, regions: Array) -> float:
    """Share of the variance of an image's pixels that the values of its regions explain, 0..1."""
    total = float(pixels.var())
    parts = [regions == value for value in np.unique(regions)]
    within = sum(float(pixels[part].var()) * float(part.mean()) for part in parts)
    return 1 - within / total if total else 0.0


def _grey(values: Array) -> Array:
    """Values or, of colours 0xRRGGBB, their brightest channel."""
    if values.max() <= 0xFFFF:
        return values
    whole = values.astype(np.int64)
    brightest: Array = np.maximum(np.maximum(whole >> 16, whole >> 8 & 255), whole & 255)
    return brightest


def _has_plain_regions(values: Array, levels: Array, counts: Array) -> bool:
    """Whether up to 4,096 values each fill regions, and jump at their borders: objects with numbers or colours.

    A smooth depth map has equal neighbours too, but changes by single steps.
    """
    if len(levels) > 4096 or values.shape[0] < 3 or values.shape[1] < 3:
        return False
    equal_right, equal_below = values[:, 1:] == values[:, :-1], values[1:] == values[:-1]
    same = np.zeros(values.shape, dtype=bool)
    same[:, 1:] |= equal_right
    same[:, :-1] |= equal_right
    same[1:] |= equal_below
    same[:-1] |= equal_below
    rest = values != levels[np.argmax(counts)]
    if not rest.any() or float(same[rest].mean()) < 0.97:
        return False
    grey = _grey(values)
    steps = np.concatenate(
        [np.abs(np.diff(grey, axis=1))[~equal_right], np.abs(np.diff(grey, axis=0))[~equal_below]]
    )
    inner = float((counts >= 9).mean())
    return float((steps <= 2).mean()) < 0.5 and inner > 0.5 and float(steps.size) / (2 * values.size) < 0.1


def _is_smeared(values: Array, most: int = _PEAKS) -> bool:
    """Whether nearly all pixels lie about a few exact levels, as in a mask saved as JPEG or scaled smoothly."""
    grey = _grey(values)
    if grey.max() > 255:
        return False
    histogram = np.bincount(grey.astype(np.int64).ravel(), minlength=256).astype(np.float64)
    covered = []
    for _ in range(most):
        peak = int(np.argmax(histogram))
        window = slice(max(0, peak - _PEAK), peak + _PEAK + 1)
        covered.append(float(histogram[window].sum()) / grey.size)
        histogram[window] = 0
    first, others, rest = covered[0], sum(covered[1:]), 1 - sum(covered)
    return rest <= 0.1 and (first > 0.99 or others >= 2 * rest)
