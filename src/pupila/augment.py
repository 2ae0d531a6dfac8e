"""Augmentation: readable presets, each draw decided by one number, so that no thread or order plays a part."""

import hashlib
import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from pupila.images.decode import Array

DRAWING = "1"  # changes whenever the same draw could give other pixels: part of the key of features
Random = np.random.Generator
Step = Callable[[Image.Image, Random], Image.Image]


def flip(picture: Image.Image, random: Random) -> Image.Image:
    """Left to right, every second time."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else picture


def rotate(picture: Image.Image, random: Random, degrees: float) -> Image.Image:
    """By up to so many degrees to either side."""
    return _affine(picture, angle=random.uniform(-degrees, degrees))


def zoom(picture: Image.Image, random: Random, share: float) -> Image.Image:
    """In or out by up to this share."""
    return _affine(picture, scale=1 + random.uniform(-share, share))


def shear(picture: Image.Image, random: Random, degrees: float) -> Image.Image:
    """Slanted sideways by up to so many degrees."""
    return _affine(picture, slant=random.uniform(-degrees, degrees))


def crop(picture: Image.Image, random: Random, share: float) -> Image.Image:
    """Up to this share of each side cut off, anywhere, and the rest enlarged again."""
    keep = 1 - random.uniform(0, share)
    width, height = max(1, round(picture.width * keep)), max(1, round(picture.height * keep))
    left, top = random.integers(picture.width - width + 1), random.integers(picture.height - height + 1)
    box = (float(left), float(top), float(left + width), float(top + height))
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)


def brightness(picture: Image.Image, random: Random, share: float) -> Image.Image:
    """Darker or brighter by up to this share."""
    return _adjusted("adjust_brightness", picture, 1 + random.uniform(-share, share))


def contrast(picture: Image.Image, random: Random, share: float) -> Image.Image:
    """Less or more contrast by up to this share."""
    return _adjusted("adjust_contrast", picture, 1 + random.uniform(-share, share))


def jitter(picture: Image.Image, random: Random, share: float) -> Image.Image:
    """Brightness, contrast and saturation by up to this share each."""
    for name in ("adjust_brightness", "adjust_contrast", "adjust_saturation"):
        picture = _adjusted(name, picture, 1 + random.uniform(-share, share))
    return picture


def noise(picture: Image.Image, random: Random, deviation: float) -> Image.Image:
    """Gaussian noise of this standard deviation, in grey levels, on every value."""
    pixels = np.asarray(picture, dtype=np.float32)
    drawn = random.standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.clip(pixels + deviation * drawn + 0.5, 0, 255).astype(np.uint8))


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
    # flip, rotation by 15 degrees and colour jitter of 0.2, in all combinations
    "flip": (flip,),
    "rotation": (_TURN,),
    "jitter": (_COLOUR,),
    "flip_rotation": (flip, _TURN),
    "flip_jitter": (flip, _COLOUR),
    "rotation_jitter": (_TURN, _COLOUR),
    "flip_rotation_jitter": (flip, _TURN, _COLOUR),
}


def augment(picture: Array, preset: str, draw: int) -> Array:
    """One augmented view.

    Args:
        picture: (H, W, 3) uint8.
        preset: a key of `PRESETS`.
        draw: decides everything random.

    Returns:
        (H, W, 3) uint8.
    """
    steps = PRESETS[preset]
    if not steps:
        return picture
    random = np.random.Generator(np.random.PCG64(draw))
    shown = Image.fromarray(picture)
    for step in steps:
        shown = step(shown, random)
    return np.asarray(shown)


def draw_number(seed: int, sha256: str, view: int) -> int:
    """The number that decides the view: the same for the same (seed, image, view) on every machine."""
    digest = hashlib.blake2b(f"{seed}/{sha256}/{view}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def contact_sheet(pictures: Array, keys: list[str], preset: str, seed: int, views: int = 6) -> bytes:
    """A PNG: one row for each picture, as it is and in its first views.

    Args:
        pictures: (N, H, W, 3) uint8.
        keys: N image hashes.
        preset: a key of `PRESETS`.
        seed: of the run that would draw them.
        views: shown of each picture.
    """
    rows = [
        np.concatenate(
            [picture, *(augment(picture, preset, draw_number(seed, key, v)) for v in range(views))], axis=1
        )
        for picture, key in zip(pictures, keys, strict=True)
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(rows, axis=0)).save(buffer, "PNG")
    return buffer.getvalue()


def _affine(picture: Image.Image, angle: float = 0.0, scale: float = 1.0, slant: float = 0.0) -> Image.Image:
    """Turned, scaled and slanted around the middle; what comes from outside is grey."""
    cos, sin, tan = (
        math.cos(math.radians(angle)),
        math.sin(math.radians(angle)),
        math.tan(math.radians(slant)),
    )
    a, b, d, e = cos / scale, (sin + cos * tan) / scale, -sin / scale, (cos - sin * tan) / scale
    x, y = picture.width / 2, picture.height / 2
    matrix = (a, b, x - a * x - b * y, d, e, y - d * x - e * y)
    return picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(127, 127, 127)
    )


def _adjusted(name: str, picture: Image.Image, factor: float) -> Image.Image:
    """A colour change of torchvision, which loads when it is first needed."""
    from torchvision.transforms.v2 import functional

    adjusted: Image.Image = getattr(functional, name)(picture, factor)
    return adjusted
