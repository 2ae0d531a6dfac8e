"""Every corruption by its id, with four levels: the mildest first.

The levels of two corruptions are not equally strong: a strip of examples shows what each one looks like.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pupila.core.messages import mark
from pupila.imaging.corruptions.background import replace_background
from pupila.imaging.corruptions.detail import add_noise, blur, compress_jpeg, lower_resolution
from pupila.imaging.corruptions.light import scale_brightness, scale_contrast
from pupila.imaging.corruptions.overlays import add_reflections, cast_shadow
from pupila.imaging.images.decode import Array

LEVELS = 4
BACKGROUND = "background"  # the one that needs a mask


@dataclass(frozen=True, slots=True)
class Scene:
    """An image, and what its corruptions need besides."""

    rgb: Array  # (H, W, 3) uint8
    side: float  # the reference side of lengths, pixels
    background: Array | None = None  # (h, w) bool: the pixels around the objects; None: unknown
    other: Array | None = None  # (h, w, 3) uint8: the background that replaces them


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way in which an image gets worse."""

    title: str  # for sentences, to be translated
    axis: str  # of the amounts: "sigma (% of the side)"; to be translated
    unit: str  # with a place for one of them: "sigma {value} % of the side"; to be translated
    amounts: tuple[float, float, float, float]  # the mildest first
    # (H, W, 3) uint8 of a scene, an amount and a generator; the same shape, and the same geometry
    apply: Callable[[Scene, float, np.random.Generator], Array]
    percent: bool = False  # whether the unit counts in percent


CORRUPTIONS: dict[str, Corruption] = {
    "darker": Corruption(
        mark("darker light"), mark("brightness (factor)"), mark("brightness x {value}"),
        (0.7, 0.5, 0.3, 0.15),
        lambda scene, amount, random: scale_brightness(scene.rgb, amount),
    ),
    "brighter": Corruption(
        mark("brighter light"), mark("brightness (factor)"), mark("brightness x {value}"),
        (1.3, 1.7, 2.2, 3.0),
        lambda scene, amount, random: scale_brightness(scene.rgb, amount),
    ),
    "contrast": Corruption(
        mark("low contrast"), mark("contrast (factor)"), mark("contrast x {value}"),
        (0.7, 0.5, 0.3, 0.15),
        lambda scene, amount, random: scale_contrast(scene.rgb, amount),
    ),
    "blur": Corruption(
        mark("blur"), mark("sigma (% of the side)"), mark("sigma {value} % of the side"),
        (0.005, 0.01, 0.02, 0.04),
        lambda scene, amount, random: blur(scene.rgb, amount, scene.side), percent=True,
    ),
    "noise": Corruption(
        mark("noise"), mark("sigma (% of white)"), mark("sigma {value} % of white"),
        (0.05, 0.1, 0.2, 0.4),
        lambda scene, amount, random: add_noise(scene.rgb, amount, scene.side, random), percent=True,
    ),
    "jpeg": Corruption(
        mark("JPEG compression"), mark("quality"), mark("quality {value}"),
        (40, 20, 10, 5),
        lambda scene, amount, random: compress_jpeg(scene.rgb, int(amount)),
    ),
    "scale": Corruption(
        mark("low resolution"), mark("pixels a side"), mark("{value} pixels a side"),
        (128, 64, 32, 16),
        lambda scene, amount, random: lower_resolution(scene.rgb, int(amount), scene.side),
    ),
    "shadow": Corruption(
        mark("shadows"), mark("opacity (%)"), mark("opacity {value} %"),
        (0.3, 0.5, 0.7, 0.9),
        lambda scene, amount, random: cast_shadow(scene.rgb, amount, random), percent=True,
    ),
    "reflection": Corruption(
        mark("reflections"), mark("opacity (%)"), mark("opacity {value} %"),
        (0.3, 0.5, 0.7, 0.9),
        lambda scene, amount, random: add_reflections(scene.rgb, amount, random), percent=True,
    ),
    BACKGROUND: Corruption(
        mark("other backgrounds"), mark("share replaced (%)"), mark("{value} % replaced"),
        (0.25, 0.5, 0.75, 1.0),
        lambda scene, amount, random: _replace(scene, amount), percent=True,
    ),
}  # fmt: skip


def _replace(scene: Scene, share: float) -> Array:
    assert scene.background is not None and scene.other is not None  # the caller leaves it out otherwise
    return replace_background(scene.rgb, share, scene.background, scene.other)
