"""Drawn images of known difficulty: the class decides a visible quantity, and its noise the best accuracy possible.

Each source has a class task and a mask task. What blurs a class is visible in the image, so that a perfect reader of
images reaches the Bayes accuracy, and nobody can be better in the mean.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.accuracy.sources import Sample, encode_png
from benchmarks.accuracy.written import BACKGROUND, Array

SIZE, SCALE = 160, 3  # pixels, and how much larger a scene is drawn
Rng = np.random.Generator
Draw = ImageDraw.ImageDraw

# Class task 1: radius of a disc, three classes.
_RADII, _RADIUS_NOISE = (20.0, 28.0, 36.0), 2.8
# Class task 2: which shape; a share of the labels is that of another shape.
_SHAPES, _FLIPPED = ("circle", "square", "star", "triangle"), 0.1
# Class task 3: logarithm of a bar's length over its width, two classes; flips and turns don't change it.
_RATIOS, _RATIO_NOISE = (math.log(4) + 0.35, math.log(4) - 0.35), 0.26
# Class task 4: number of dots, three classes.
_RATES, _MOST_DOTS = (5.0, 10.0, 17.0), 60
_CLASS_IMAGES, _MASK_IMAGES = 260, 300  # of each class, and of a mask task


def _phi(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def disc_bayes() -> float:
    """The two outer classes lose one tail at the thresholds between the means, the middle one two."""
    right = _phi((_RADII[1] - _RADII[0]) / 2 / _RADIUS_NOISE)
    return (4 * right - 1) / 3


def shape_bayes() -> float:
    return 1 - _FLIPPED


def bar_bayes() -> float:
    return _phi((_RATIOS[0] - _RATIOS[1]) / 2 / _RATIO_NOISE)


def dot_bayes() -> float:
    """The mean of the likeliest class over all counts."""
    counts = range(1, _MOST_DOTS + 1)
    return sum(max(_count_chance(n, rate) for rate in _RATES) for n in counts) / len(_RATES)


def _count_chance(count: int, rate: float) -> float:
    """Poisson, of at least one and at most `_MOST_DOTS` dots."""

    def chance(n: int) -> float:
        return math.exp(n * math.log(rate) - rate - math.lgamma(n + 1))

    return chance(count) / sum(chance(n) for n in range(1, _MOST_DOTS + 1))


def _scene(rng: Rng) -> Image.Image:
    """A clouded background of a random colour with a few faint lines, enlarged."""
    coarse = rng.normal(0, 22, (8, 8, 3)) + rng.uniform(70, 185, 3)
    clouds = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize(
        (SIZE * SCALE,) * 2, Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(clouds)
    for _ in range(4):
        ends = [float(x) for x in rng.uniform(0, SIZE * SCALE, 4)]
        draw.line(ends, fill=_colour(rng, clouds, 25), width=2 * SCALE)
    return clouds


def _colour(rng: Rng, scene: Image.Image, contrast: float) -> tuple[int, int, int]:
    """A colour that differs from the background's mean by `contrast` grey values, in a random direction."""
    mean = np.asarray(scene.resize((1, 1), Image.Resampling.BOX), dtype=float)[0, 0]
    direction = rng.normal(0, 1, 3)
    colour = (mean + contrast * math.sqrt(3) * direction / np.linalg.norm(direction)).clip(0, 255)
    return int(colour[0]), int(colour[1]), int(colour[2])


def _finish(scene: Image.Image, rng: Rng, noise: float = 12) -> Array:
    """(SIZE, SIZE, 3) uint8, with noise."""
    small = scene.resize((SIZE, SIZE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
    return (
        (np.asarray(small, dtype=float) + rng.normal(0, noise, (SIZE, SIZE, 3))).clip(0, 255).astype(np.uint8)
    )


def _outline(
    shape: str, centre: tuple[float, float], radius: float, turn: float
) -> list[tuple[float, float]]:
    """Corners of a shape, in pixels of the enlarged scene."""
    corners = {"circle": 48, "square": 4, "star": 10, "triangle": 3}[shape]
    points = []
    for corner in range(corners):
        reach = radius * (0.45 if shape == "star" and corner % 2 else 1.0)
        angle = turn + 2 * math.pi * corner / corners
        points.append(
            ((centre[0] + reach * math.cos(angle)) * SCALE, (centre[1] + reach * math.sin(angle)) * SCALE)
        )
    return points


def _centre(rng: Rng, margin: float) -> tuple[float, float]:
    x, y = rng.uniform(margin, SIZE - margin, 2)
    return float(x), float(y)


def _bar(centre: tuple[float, float], length: float, width: float, tilt: float) -> list[tuple[float, float]]:
    """Corners of a bar that leans by `tilt` degrees from the vertical."""
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    corners = ((-width, -length), (width, -length), (width, length), (-width, length))
    return [
        ((centre[0] + (x * cos - y * sin) / 2) * SCALE, (centre[1] + (x * sin + y * cos) / 2) * SCALE)
        for x, y in corners
    ]


def _draw_disc(label: int, rng: Rng) -> Array:
    scene, radius = _scene(rng), max(6.0, float(rng.normal(_RADII[label], _RADIUS_NOISE)))
    outline = _outline("circle", _centre(rng, 50), radius, 0)
    ImageDraw.Draw(scene).polygon(outline, fill=_colour(rng, scene, 45))
    return _finish(scene, rng)


def _draw_shape(label: int, rng: Rng) -> Array:
    scene = _scene(rng)
    shown = (label + int(rng.integers(1, len(_SHAPES)))) % len(_SHAPES) if rng.random() < _FLIPPED else label
    outline = _outline(_SHAPES[shown], _centre(rng, 45), float(rng.uniform(18, 40)), float(rng.uniform(0, 7)))
    ImageDraw.Draw(scene).polygon(outline, fill=_colour(rng, scene, 40))
    return _finish(scene, rng)


def _draw_bar(label: int, rng: Rng) -> Array:
    scene, ratio = _scene(rng), math.exp(float(rng.normal(_RATIOS[label], _RATIO_NOISE)))
    length = float(rng.uniform(50, 95))
    bar = _bar(_centre(rng, 50), length, length / ratio, float(rng.uniform(-90, 90)))
    ImageDraw.Draw(scene).polygon(bar, fill=_colour(rng, scene, 45))
    return _finish(scene, rng)


def _draw_dots(label: int, rng: Rng) -> Array:
    scene = _scene(rng)
    chances = np.array([_count_chance(n, _RATES[label]) for n in range(1, _MOST_DOTS + 1)])
    for centre in _spread(1 + int(rng.choice(len(chances), p=chances / chances.sum())), rng):
        outline = _outline("circle", centre, float(rng.uniform(4, 7)), 0)
        ImageDraw.Draw(scene).polygon(outline, fill=_colour(rng, scene, 55))
    return _finish(scene, rng)


def _spread(count: int, rng: Rng) -> list[tuple[float, float]]:
    """Places on a grid of 9 x 9, a little off, so that no two dots touch."""
    cells, step = rng.permutation(81)[:count], SIZE / 9
    return [
        (float((c % 9 + 0.5) * step + rng.uniform(-1.5, 1.5)), float((c // 9 + 0.5) * step + rng.uniform(-1.5, 1.5)))
        for c in cells
    ]  # fmt: skip


def _class_samples(names: tuple[str, ...], draw: Callable[[int, Rng], Array], seed: int) -> list[Sample]:
    return [
        Sample(encode_png(draw(label, np.random.default_rng((seed, label, n)))), ".png", name, f"{name} {n}")
        for label, name in enumerate(names)
        for n in range(_CLASS_IMAGES)
    ]


def discs() -> list[Sample]:
    return _class_samples(("large", "medium", "small")[::-1], _draw_disc, 1)


def shapes() -> list[Sample]:
    return _class_samples(_SHAPES, _draw_shape, 2)


def bars() -> list[Sample]:
    return _class_samples(("long", "short"), _draw_bar, 3)


def dots() -> list[Sample]:
    return _class_samples(("few", "some", "many"), _draw_dots, 4)


def _mask_samples(draw: Callable[[Image.Image, Draw, Rng], None], seed: int) -> list[Sample]:
    samples = []
    for n in range(_MASK_IMAGES):
        rng = np.random.default_rng((seed, n))
        scene = _scene(rng)
        mask = Image.new("L", scene.size)
        draw(scene, ImageDraw.Draw(mask), rng)
        small = np.asarray(mask.resize((SIZE, SIZE), Image.Resampling.NEAREST))
        samples.append(Sample(encode_png(_finish(scene, rng)), ".png", "", f"scene {n}", encode_png(small)))
    return samples


def _draw_disc_masks(scene: Image.Image, mask: Draw, rng: Rng) -> None:
    """One to three discs; squares of the same colour are background."""
    colour = _colour(rng, scene, 35)
    for shape in ("square", "square", *["circle"] * int(rng.integers(1, 4))):
        turn, radius = float(rng.uniform(0, 7)), float(rng.uniform(8, 22))
        outline = _outline(shape, _centre(rng, 22), radius, turn)
        ImageDraw.Draw(scene).polygon(outline, fill=colour)
        mask.polygon(outline, fill=255 if shape == "circle" else 0)


def _draw_shape_masks(scene: Image.Image, mask: Draw, rng: Rng) -> None:
    """Two to five shapes of four classes."""
    for _ in range(int(rng.integers(2, 6))):
        value = int(rng.integers(1, len(_SHAPES) + 1))
        turn, radius = float(rng.uniform(0, 7)), float(rng.uniform(12, 28))
        outline = _outline(_SHAPES[value - 1], _centre(rng, 20), radius, turn)
        ImageDraw.Draw(scene).polygon(outline, fill=_colour(rng, scene, 45))
        mask.polygon(outline, fill=value)


def _draw_bar_masks(scene: Image.Image, mask: Draw, rng: Rng) -> None:
    """Two to five thin bars."""
    for _ in range(int(rng.integers(2, 6))):
        tilt, length = float(rng.uniform(-90, 90)), float(rng.uniform(50, 120))
        bar = _bar(_centre(rng, 20), length, float(rng.uniform(2, 4)), tilt)
        ImageDraw.Draw(scene).polygon(bar, fill=_colour(rng, scene, 45))
        mask.polygon(bar, fill=255)


def _draw_dot_masks(scene: Image.Image, mask: Draw, rng: Rng) -> None:
    """Three to thirty small dots."""
    for centre in _spread(int(rng.integers(3, 31)), rng):
        outline = _outline("circle", centre, float(rng.uniform(3, 7)), 0)
        ImageDraw.Draw(scene).polygon(outline, fill=_colour(rng, scene, 40))
        mask.polygon(outline, fill=255)


def disc_masks() -> list[Sample]:
    return _mask_samples(_draw_disc_masks, 11)


def shape_masks() -> list[Sample]:
    return _mask_samples(_draw_shape_masks, 12)


def bar_masks() -> list[Sample]:
    return _mask_samples(_draw_bar_masks, 13)


def dot_masks() -> list[Sample]:
    return _mask_samples(_draw_dot_masks, 14)


SHAPE_VALUES = {0: BACKGROUND, **dict(enumerate(_SHAPES, 1))}
