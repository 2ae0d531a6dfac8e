"""The photos of the loop's story: products with and without octagons, in the light of the old and the new studio."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from pupila.core import files
from pupila.demo.packages import Product, draw_products, photograph

_LIGHT = (0.4, 0.24, 0.14)  # of the new studio, by colour: dark and warm
_BLUR, _NOISE = 2.2, 6.0  # of its camera: pixels, levels


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo."""

    product: str  # name of the group
    label: str
    content: bytes  # JPEG


def draw_balanced(count: int, seed: int) -> list[Product]:
    """So many products, half of them with octagons, in a random order."""
    pool = draw_products(5 * count // 2, seed)
    marked = [product for product in pool if product.octagons]
    plain = [product for product in pool if not product.octagons]
    return [product for pair in zip(marked, plain, strict=False) for product in pair][:count]


def take_photos(products: list[Product], each: int, seed: int, new_studio: bool = False) -> Iterator[Photo]:
    """Photos of every product."""
    for product in products:
        for number in range(each):
            rng = np.random.default_rng((seed, product.number, number))
            content = photograph(product.package, rng)
            if new_studio:
                content = _change_studio(content, rng)
            yield Photo(f"p{product.number:03d}", product.label, content)


def write_photos(folder: Path, photos: Iterator[Photo]) -> int:
    """Write `<class>/<product>_<number>.jpg`; the number of photos."""
    count = 0
    for photo in photos:
        files.write_bytes(str(folder / photo.label / f"{photo.product}_{count:04d}.jpg"), photo.content)
        count += 1
    return count


def _change_studio(content: bytes, rng: np.random.Generator) -> bytes:
    """The photo as the new camera takes it."""
    picture = Image.open(io.BytesIO(content)).filter(ImageFilter.GaussianBlur(_BLUR))
    pixels = np.asarray(picture, np.float32) * np.array(_LIGHT, np.float32)
    pixels += rng.normal(0, _NOISE, pixels.shape).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
