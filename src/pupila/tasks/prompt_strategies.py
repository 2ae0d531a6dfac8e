"""Prompts sampled from a ground-truth mask as an annotator would give them: for training and evaluation alike."""

import hashlib
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from pupila.tasks.prompt import Box, Point, Prompt
from pupila.tasks.task import Array

Random = np.random.Generator
SEED = 0  # of the prompts for evaluation: every model gets the same ones
_AROUND = 0.5  # share of a region's sides: how far around it background points are sampled


@dataclass(frozen=True, slots=True)
class PromptStrategy:
    """How a region is prompted; the same mask and seed always give the same prompt."""

    name: str
    points: int = 0  # foreground points
    negatives: int = 0  # background points
    jitter: float | None = None  # largest offset of a box's sides, as a share of its size; None: no box
    border: bool = False  # whether points lie on the region's border, where clicks go wrong


POINTS = PromptStrategy("points", points=3, negatives=1)
BOX = PromptStrategy("box", jitter=0.05)
PROMPT_STRATEGIES = (POINTS, BOX)  # for model selection and evaluation


def seeded_random(*keys: object) -> Random:
    """The random generator of these keys (seed, image, ...): the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, keys)).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def sample_prompt(target: Array, outside: Array, strategy: PromptStrategy, random: Random) -> Prompt:
    """A prompt for one region.

    Args:
        target: (H, W) bool: the region's pixels; at least one.
        outside: (H, W) bool: labelled pixels outside the region.
        strategy: which points and box to sample.
        random: the generator.
    """
    box = None if strategy.jitter is None else sample_box(target, strategy.jitter, random)
    inside = _border(target) if strategy.border else target
    points = sample_points(inside, strategy.points, random)
    negatives = sample_points(_near(target, outside), strategy.negatives, random)
    return Prompt(points, negatives, box)


def sample_points(where: Array, count: int, random: Random) -> tuple[Point, ...]:
    """(x, y) at the centres of `count` pixels of an (H, W) bool mask, none where it is empty."""
    places = np.flatnonzero(where) if count else np.zeros(0, np.intp)
    if not len(places):
        return ()
    y, x = np.divmod(places[random.integers(len(places), size=count)], where.shape[1])
    return tuple((float(column) + 0.5, float(row) + 0.5) for column, row in zip(x, y, strict=True))


def sample_box(target: Array, jitter: float, random: Random) -> Box:
    """x0, y0, x1, y1 around the pixels of an (H, W) bool mask; each side off by up to `jitter` of the box's own side.

    It keeps an area, and stays within the image.
    """
    x0, x1 = _ends(target, 1)
    y0, y1 = _ends(target, 0)
    off = random.uniform(-jitter, jitter, 4) * [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    height, width = target.shape
    left, top, right, bottom = np.clip(
        np.array([x0, y0, x1, y1]) + off, 0, [width, height, width, height]
    ).tolist()
    right, bottom = max(right, 1.0), max(bottom, 1.0)
    return min(left, right - 1), min(top, bottom - 1), right, bottom


def fill_box(box: Box, shape: tuple[int, ...]) -> Array:
    """(H, W) uint8 of this shape: 1 for the pixels in the box."""
    filled = np.zeros(shape, np.uint8)
    filled[box_pixels(box, shape)] = 1
    return filled


def box_pixels(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels of an image of this shape whose centre lies in the box."""
    height, width = shape
    x0, x1 = (min(max(value, 0), width) for value in (box[0], box[2]))
    y0, y1 = (min(max(value, 0), height) for value in (box[1], box[3]))
    return slice(ceil(y0 - 0.5), floor(y1 + 0.5)), slice(ceil(x0 - 0.5), floor(x1 + 0.5))


def _ends(target: Array, axis: int) -> tuple[int, int]:
    """The first index along an axis where an (H, W) bool mask is True, and the index after the last."""
    places = np.flatnonzero(target.any(axis=1 - axis))
    return int(places[0]), int(places[-1]) + 1


def _near(target: Array, outside: Array) -> Array:
    """The outside around the box of the target; all of it where that is empty."""
    x0, x1 = _ends(target, 1)
    y0, y1 = _ends(target, 0)
    across, down = int(_AROUND * (x1 - x0)) + 1, int(_AROUND * (y1 - y0)) + 1
    near = np.zeros_like(outside)
    place = slice(max(0, y0 - down), y1 + down), slice(max(0, x0 - across), x1 + across)
    near[place] = outside[place]
    return near if near.any() else outside


def _border(target: Array) -> Array:
    """The pixels of the target that touch others, or the edge of the picture."""
    padded = np.pad(target, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(target & ~inner)
