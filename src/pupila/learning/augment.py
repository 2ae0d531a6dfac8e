"""Augmentation: readable presets, each draw decided by one number, so that no thread or order plays a part."""

import hashlib
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array

DRAWING = "1"  # change it whenever the same draw could give other pixels: part of the key of features
Random = np.random.Generator
_OUTSIDE = (127, 127, 127)  # fill colour outside the image


@dataclass(frozen=True, slots=True)
class Scene:
    """An image, and the mask that moves with it."""

    picture: Image.Image
    mask: Image.Image | None = None  # mode L, class indices

    def move(self, move: Callable[[Image.Image, bool], Image.Image]) -> "Scene":
        """Both after a geometric transform, which gets (image, whether it is the mask)."""
        return Scene(move(self.picture, False), None if self.mask is None else move(self.mask, True))

    def recolour(self, change: Callable[[Image.Image], Image.Image]) -> "Scene":
        """The image after a colour change; the mask stays as it is."""
        return Scene(change(self.picture), self.mask)


Step = Callable[[Scene, Random], Scene]


def flip(scene: Scene, random: Random) -> Scene:
    """Left to right, every second time."""
    if random.random() >= 0.5:
        return scene
    return scene.move(lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def quarter(scene: Scene, random: Random) -> Scene:
    """By 0, 90, 180 or 270 degrees; a picture that is no square by 0 or 180."""
    turns = int(random.integers(4))
    if scene.picture.width != scene.picture.height:
        turns -= turns % 2
    transpose = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)[
        turns
    ]
    return scene if transpose is None else scene.move(lambda image, _: image.transpose(transpose))


def rotate(scene: Scene, random: Random, degrees: float) -> Scene:
    """By up to so many degrees to either side."""
    return _affine(scene, angle=random.uniform(-degrees, degrees))


def zoom(scene: Scene, random: Random, share: float) -> Scene:
    """In or out by up to this share."""
    return _affine(scene, scale=1 + random.uniform(-share, share))


def move(scene: Scene, random: Random, degrees: float, factor: float) -> Scene:
    """Turned by up to so many degrees and scaled by up to this factor, both ways alike, in one resampling."""
    angle, scale = random.uniform(-degrees, degrees), factor ** random.uniform(-1, 1)
    return _affine(scene, angle, scale, shift=(random.uniform(-0.1, 0.1), random.uniform(-0.1, 0.1)))


def shear(scene: Scene, random: Random, degrees: float) -> Scene:
    """Slanted sideways by up to so many degrees."""
    return _affine(scene, slant=random.uniform(-degrees, degrees))


def crop(scene: Scene, random: Random, share: float) -> Scene:
    """Up to this share of each side cut off, anywhere, and the rest enlarged again."""
    size = scene.picture.size
    keep = 1 - random.uniform(0, share)
    width, height = max(1, round(size[0] * keep)), max(1, round(size[1] * keep))
    left, top = random.integers(size[0] - width + 1), random.integers(size[1] - height + 1)
    box = (float(left), float(top), float(left + width), float(top + height))
    return scene.move(lambda image, is_mask: image.resize(size, _filter(is_mask), box=box))


def brightness(scene: Scene, random: Random, share: float) -> Scene:
    """Darker or brighter by up to this share."""
    return _adjust_colour("adjust_brightness", scene, 1 + random.uniform(-share, share))


def contrast(scene: Scene, random: Random, share: float) -> Scene:
    """Less or more contrast by up to this share."""
    return _adjust_colour("adjust_contrast", scene, 1 + random.uniform(-share, share))


def jitter(scene: Scene, random: Random, share: float) -> Scene:
    """Brightness, contrast and saturation by up to this share each."""
    for name in ("adjust_brightness", "adjust_contrast", "adjust_saturation"):
        scene = _adjust_colour(name, scene, 1 + random.uniform(-share, share))
    return scene


def noise(scene: Scene, random: Random, deviation: float) -> Scene:
    """Gaussian noise of this standard deviation, in grey levels, on every value."""
    pixels = np.asarray(scene.picture, dtype=np.float32)
    drawn = random.standard_normal(pixels.shape, dtype=np.float32)
    noisy = Image.fromarray(np.clip(pixels + deviation * drawn + 0.5, 0, 255).astype(np.uint8))
    return scene.recolour(lambda _: noisy)


def cutout(scene: Scene, random: Random, share: float) -> Scene:
    """A grey rectangle of up to this share of each side, anywhere, every second time; the mask stays as it is.

    Source: DeVries and Taylor 2017, arXiv:1708.04552.
    """
    if random.random() >= 0.5:
        return scene
    size = scene.picture.size
    width, height = (max(1, round(side * random.uniform(share / 3, share))) for side in size)
    left, top = int(random.integers(size[0] - width + 1)), int(random.integers(size[1] - height + 1))
    covered = scene.picture.copy()
    covered.paste(_OUTSIDE, (left, top, left + width, top + height))
    return scene.recolour(lambda _: covered)


_TURN = partial(rotate, degrees=15)
_COLOUR = partial(jitter, share=0.2)
PRESETS: dict[str, tuple[Step, ...]] = {
    "none": (),
    # tiers of transfer learning on a few hundred photos
    "A1": (flip, partial(rotate, degrees=20)),
    "A2": (flip, partial(rotate, degrees=20), partial(zoom, share=0.2)),
    "A3": (partial(zoom, share=0.2), partial(brightness, share=0.2), partial(contrast, share=0.2)),
    "A4": (
        partial(zoom, share=0.2),
        partial(shear, degrees=10),
        partial(crop, share=0.15),
        partial(noise, deviation=8),
    ),
    # of the recipe "strong" of classifiers
    "wide": (
        flip,
        partial(move, degrees=15, factor=1.25),
        partial(crop, share=0.3),
        partial(jitter, share=0.3),
    ),
    # flip, rotation by 15 degrees and colour jitter of 0.2, in all combinations
    "flip": (flip,),
    "rotation": (_TURN,),
    "jitter": (_COLOUR,),
    "flip_rotation": (flip, _TURN),
    "flip_jitter": (flip, _COLOUR),
    "rotation_jitter": (_TURN, _COLOUR),
    "flip_rotation_jitter": (flip, _TURN, _COLOUR),
    # for masks, whose pixels move with the picture
    "light": (flip, partial(jitter, share=0.1)),
    "medium": (flip, partial(move, degrees=15, factor=1.3), partial(jitter, share=0.25)),
    "strong": (
        flip,
        quarter,
        partial(move, degrees=20, factor=1.5),
        partial(jitter, share=0.3),
        partial(noise, deviation=6),
        partial(cutout, share=0.4),
    ),
}


def augment(image: Array, preset: str, draw: int) -> Array:
    """One augmented view.

    Args:
        image: (H, W, 3) uint8.
        preset: a key of `PRESETS`.
        draw: decides everything random.

    Returns:
        (H, W, 3) uint8.
    """
    return (
        np.asarray(_apply_steps(Scene(Image.fromarray(image)), preset, draw).picture)
        if PRESETS[preset]
        else image
    )


def augment_both(image: Array, mask: Array, preset: str, draw: int) -> tuple[Array, Array]:
    """One augmented view of an image and of its mask; areas from outside the image have no label.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8 class indices.
        preset: a key of `PRESETS`.
        draw: decides everything random.

    Returns:
        (H, W, 3) uint8 and (H, W) uint8.
    """
    if not PRESETS[preset]:
        return image, mask
    scene = _apply_steps(Scene(Image.fromarray(image), Image.fromarray(mask)), preset, draw)
    return np.asarray(scene.picture), np.asarray(scene.mask)


def _apply_steps(scene: Scene, preset: str, draw: int) -> Scene:
    random = np.random.Generator(np.random.PCG64(draw))
    for step in PRESETS[preset]:
        scene = step(scene, random)
    return scene


def draw_number(seed: int, sha256: str, view: int) -> int:
    """The number that decides the view: the same for the same (seed, image, view) on every machine."""
    digest = hashlib.blake2b(f"{seed}/{sha256}/{view}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def encode_grid(rows: list[list[Array]]) -> bytes:
    """A PNG with one row per image: the (H, W, 3) uint8 original and its first views."""
    sheet = np.concatenate([np.concatenate(views, axis=1) for views in rows], axis=0)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    return buffer.getvalue()


def _filter(is_mask: bool) -> Image.Resampling:
    return Image.Resampling.NEAREST if is_mask else Image.Resampling.BILINEAR


def _affine(
    scene: Scene,
    angle: float = 0.0,
    scale: float = 1.0,
    slant: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Scene:
    """Turned, scaled, slanted around the middle and shifted by shares of the sides; areas from outside are grey."""
    cos, sin, tan = (
        math.cos(math.radians(angle)),
        math.sin(math.radians(angle)),
        math.tan(math.radians(slant)),
    )
    a, b, d, e = cos / scale, (sin + cos * tan) / scale, -sin / scale, (cos - sin * tan) / scale
    width, height = scene.picture.size
    x, y = width / 2, height / 2
    to_x, to_y = x + shift[0] * width, y + shift[1] * height
    matrix = (a, b, x - a * to_x - b * to_y, d, e, y - d * to_x - e * to_y)
    return scene.move(
        lambda image, is_mask: image.transform(
            image.size,
            Image.Transform.AFFINE,
            matrix,
            _filter(is_mask),
            fillcolor=IGNORE if is_mask else _OUTSIDE,
        )
    )


def _adjust_colour(name: str, scene: Scene, factor: float) -> Scene:
    """A colour change of torchvision, imported on first use."""
    from torchvision.transforms.v2 import functional

    return scene.recolour(lambda picture: getattr(functional, name)(picture, factor))
