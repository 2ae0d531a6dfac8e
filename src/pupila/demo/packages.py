"""Synthetic photos of food packages, some with black warning octagons, in poor quality."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pupila.core import files

SIDE = 500  # pixels of a photo, as in a web shop
WITH, WITHOUT = "con_octogono", "sin_octogono"
_SHARE = 0.2  # of the products carry octagons: 4 : 1
_BRANDS = ("Andina", "Luz", "Pampa", "Sol", "Brisa", "Nube", "Cima", "Vega", "Oro", "Rio", "Flor", "Sabor")
_GOODS = ("galletas", "cereal", "jugo", "yogur", "sopa", "fideos", "cacao", "leche", "mani", "te")
_WARNINGS = ("AZUCAR", "GRASAS", "SODIO", "CALORIAS")

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of text on an octagon; lengths are shares of its radius."""

    text: str
    size: float  # of the font
    top: float  # from the centre


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the shop; its photos share the package."""

    number: int
    octagons: int  # 0 to 3
    brand: str
    good: str
    package: Image.Image

    @property
    def label(self) -> str:
        """The class of its photos."""
        return WITH if self.octagons else WITHOUT


def draw_products(count: int, seed: int) -> list[Product]:
    """Products of which exactly a fifth carries octagons."""
    rng = np.random.default_rng(seed)
    marked = _choose_marked(count, rng)
    return [_draw_product(number, number in marked, rng) for number in range(count)]


def draw_product(number: int, count: int, seed: int) -> Product:
    """One of `count` products, drawn without the others; it differs from that of `draw_products`."""
    marked = _choose_marked(count, np.random.default_rng(seed))
    return _draw_product(number, number in marked, np.random.default_rng((seed, number)))


def _choose_marked(count: int, rng: np.random.Generator) -> set[int]:
    """The products that carry octagons."""
    return set(rng.permutation(count)[: round(_SHARE * count)].tolist())


def write_shop(folder: Path, products: int, seed: int) -> int:
    """Photograph every product two to four times into `folder/<class>/p<product>_<photo>.jpg`.

    Returns:
        The number of photos.
    """
    rng = np.random.default_rng(seed + 1)
    written = 0
    for product in draw_products(products, seed):
        for photo in range(int(rng.integers(2, 5))):
            name = f"{product.label}/p{product.number:03d}_{photo}.jpg"
            files.write_bytes(str(folder / name), photograph(product.package, rng))
            written += 1
    return written


def photograph(
    package: Image.Image, rng: np.random.Generator, heights: tuple[int, int] = (270, 430)
) -> bytes:
    """One poor photo of the package, as JPEG: rotated, badly lit, blurred, noisy and off-centre.

    Args:
        package: RGBA.
        rng: of the draws.
        heights: of the package in the photo, pixels, from and below.
    """
    ground = _draw_shelf(rng)
    height = int(rng.integers(*heights))
    width = int(height * package.width / package.height)
    small = package.resize((width, height), Image.Resampling.LANCZOS)
    small = small.rotate(float(rng.normal(0, 7)), Image.Resampling.BICUBIC, expand=True)
    free = (SIDE - small.width, SIDE - small.height)
    x, y = (int(f / 2 + rng.uniform(-0.3, 0.3) * max(f, 0)) for f in free)
    ground.paste(small, (x, y), small)
    pixels = np.asarray(ground.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.6)))), dtype=np.float32)
    light = np.linspace(rng.uniform(0.65, 1.25), rng.uniform(0.65, 1.25), SIDE, dtype=np.float32)[
        None, :, None
    ]
    cast = rng.uniform(0.9, 1.1, 3).astype(np.float32)
    pixels = pixels * light * cast + rng.normal(0, rng.uniform(2, 9), pixels.shape).astype(np.float32)
    buffer = io.BytesIO()
    quality = int(rng.integers(60, 93))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _draw_product(number: int, marked: bool, rng: np.random.Generator) -> Product:
    octagons = int(rng.integers(1, 4)) if marked else 0
    brand, good, picture = draw_package(rng)
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    radius = int(min(width, height) * rng.uniform(0.13, 0.17))
    for i in range(octagons):
        centre = (width - radius - 8 - i * (2 * radius + 4), int(height * 0.36) + int(rng.integers(-12, 12)))
        warning = _WARNINGS[int(rng.integers(len(_WARNINGS)))]
        draw_octagon(draw, centre, radius, (Row("ALTO EN", 0.30, -0.38), Row(warning, 0.34, 0.02)))
    return Product(number, octagons, brand, good, picture)


def draw_package(rng: np.random.Generator) -> tuple[str, str, Image.Image]:
    """The front of a package without octagons: its brand, what is in it, and the picture, RGBA."""
    width, height = int(rng.integers(220, 340)), int(rng.integers(320, 440))
    base = _colour(rng)
    picture = Image.new("RGBA", (width, height), (*base, 255))
    draw = ImageDraw.Draw(picture)
    _draw_pattern(draw, width, height, rng)
    band = int(height * rng.uniform(0.12, 0.22))
    top = int(height * rng.uniform(0.06, 0.18))
    draw.rectangle((0, top, width, top + band), fill=_colour(rng))
    brand = _BRANDS[int(rng.integers(len(_BRANDS)))]
    good = _GOODS[int(rng.integers(len(_GOODS)))]
    draw.text(
        (14, top + 4),
        brand,
        fill="white",
        font=ImageFont.load_default(band * 0.6),
        stroke_width=2,
        stroke_fill="black",
    )
    draw.text((16, int(height * 0.9)), f"{good} {int(rng.integers(90, 900))} g", fill="white",
              font=ImageFont.load_default(20), stroke_width=1, stroke_fill="black")  # fmt: skip
    _draw_distractors(draw, width, height, rng)
    return brand, good, picture


def _draw_pattern(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(3, 12))):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(10, 90)
        box = (x - r, y - r, x + r, y + r)
        shape = int(rng.integers(3))
        if shape == 0:
            draw.ellipse(box, fill=_colour(rng))
        elif shape == 1:
            draw.rectangle(box, fill=_colour(rng))
        else:
            draw.line((x, 0, x + r, height), fill=_colour(rng), width=int(r / 5) + 1)


def _draw_distractors(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """Distractors: black bar codes, round seals and square stamps."""
    x, y = int(rng.uniform(10, width - 90)), int(rng.uniform(0.55, 0.75) * height)
    kind = int(rng.integers(4))
    if kind == 0:
        draw.rectangle((x, y, x + 74, y + 40), fill="white")
        for i in range(5, 70, 4):
            draw.line((x + i, y + 4, x + i, y + 36), fill="black", width=int(rng.integers(1, 4)))
    elif kind == 1:
        draw.ellipse((x, y, x + 56, y + 56), fill="black", outline="white", width=3)
    elif kind == 2:
        draw.rectangle((x, y, x + 56, y + 46), fill="black", outline="white", width=3)


def draw_octagon(
    draw: ImageDraw.ImageDraw, centre: tuple[int, int], radius: int, rows: Sequence[Row]
) -> None:
    """A black octagon with a white edge; `centre` and `radius` in pixels."""
    corners = [
        (centre[0] + radius * math.cos(math.pi / 8 + i * math.pi / 4),
         centre[1] + radius * math.sin(math.pi / 8 + i * math.pi / 4)) for i in range(8)
    ]  # fmt: skip
    draw.polygon(corners, fill="black", outline="white", width=3)
    for row in rows:
        font = ImageFont.load_default(radius * row.size)
        length = draw.textlength(row.text, font=font)
        draw.text((centre[0] - length / 2, centre[1] + radius * row.top), row.text, fill="white", font=font)


def _draw_shelf(rng: np.random.Generator) -> Image.Image:
    level = rng.uniform(120, 235)
    picture = Image.new("RGB", (SIDE, SIDE), (int(level),) * 3)
    draw = ImageDraw.Draw(picture)
    edge = int(rng.uniform(0.7, 0.95) * SIDE)
    draw.rectangle((0, edge, SIDE, SIDE), fill=_colour(rng))
    for _ in range(int(rng.integers(0, 6))):
        x = float(rng.uniform(0, SIDE))
        draw.rectangle((x, rng.uniform(0, edge - 60), x + rng.uniform(20, 120), edge), fill=_colour(rng))
    return picture


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(40, 235, 3).tolist()
    return red, green, blue
