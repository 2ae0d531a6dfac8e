"""Prompts as a person would give them, drawn from a mask: for training, for validation and for evaluation alike."""

import hashlib
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from pupila.tasks.prompt import Box, Point, Prompt
from pupila.tasks.task import Array

Random = np.random.Generator
SEED = 0  # of the prompts by which models are judged: every model and every evaluation gets the same
_AROUND = 0.5  # of a thing's sides, within which around it points are drawn that do not belong to it


@dataclass(frozen=True, slots=True)
class Way:
    """A way of prompting, by which models are judged: the same mask and seed always give the same prompt."""

    name: str
    points: int = 0  # that belong to it
    negatives: int = 0  # that do not
    jitter: float | None = (
        None  # of a box: how far each side is off, at most, over the box's own side; None: no box
    )
    border: bool = False  # whether points lie at the border of what is meant, where clicks go wrong


POINTS = Way("points", points=3, negatives=1)
BOX = Way("box", jitter=0.05)
WAYS = (POINTS, BOX)  # by which models are judged and chosen


def random_for(*told: object) -> Random:
    """What draws for this seed, image and whatever else is told: the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, told)).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def prompt_for(target: Array, outside: Array, way: Way, random: Random) -> Prompt:
    """A prompt for one thing.

    Args:
        target: (H, W) bool: the pixels of what is meant; at least one.
        outside: (H, W) bool: labelled pixels that do not belong to it.
        way: how it is pointed at.
        random: draws.
    """
    box = None if way.jitter is None else box_around(target, way.jitter, random)
    inside = _border(target) if way.border else target
    points = drawn_points(inside, way.points, random)
    negatives = drawn_points(_near(target, outside), way.negatives, random)
    return Prompt(points, negatives, box)


def drawn_points(where: Array, count: int, random: Random) -> tuple[Point, ...]:
    """(x, y) at the centres of `count` pixels of an (H, W) bool mask, none where it is empty."""
    places = np.flatnonzero(where) if count else np.zeros(0, np.intp)
    if not len(places):
        return ()
    y, x = np.divmod(places[random.integers(len(places), size=count)], where.shape[1])
    return tuple((float(column) + 0.5, float(row) + 0.5) for column, row in zip(x, y, strict=True))


def box_around(target: Array, jitter: float, random: Random) -> Box:
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


def filled_box(box: Box, shape: tuple[int, ...]) -> Array:
    """(H, W) uint8 of this shape: 1 for the pixels in the box."""
    filled = np.zeros(shape, np.uint8)
    filled[pixels_in(box, shape)] = 1
    return filled


def pixels_in(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels of an image of this shape whose middle lies in the box."""
    height, width = shape
    x0, x1 = (min(max(value, 0), width) for value in (box[0], box[2]))
    y0, y1 = (min(max(value, 0), height) for value in (box[1], box[3]))
    return slice(ceil(y0 - 0.5), floor(y1 + 0.5)), slice(ceil(x0 - 0.5), floor(x1 + 0.5))


def _ends(target: Array, axis: int) -> tuple[int, int]:
    """The first place along an axis where an (H, W) bool mask is, and that after the last."""
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
