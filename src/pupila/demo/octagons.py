"""Synthetic photos of food packages with up to four kinds of warning octagon, and the table of their labels."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pupila.core import files
from pupila.core.csv_text import csv_text
from pupila.demo.packages import Row, draw_octagon, draw_package, photograph

TABLE = "labels.csv"
UNKNOWN = 0.08  # share of the cells that are left empty
WARNINGS = {  # the classes, and what their octagons say
    "calories": (Row("EXCESO", 0.27, -0.58), Row("CALORIAS", 0.36, -0.20)),
    "saturated_fats": (Row("EXCESO", 0.27, -0.74), Row("GRASAS", 0.46, -0.44), Row("SATURADAS", 0.28, 0.14)),
    "sodium": (Row("EXCESO", 0.27, -0.64), Row("SODIO", 0.58, -0.30)),
    "sugar": (Row("EXCESO EN", 0.27, -0.58), Row("AZUCARES", 0.34, -0.20)),
}
_SUGAR, _SODIUM = 0.42, 1 / 9  # shares of the products
_CALORIES = {True: 0.70, False: 0.15}  # of those with and without sugar: the two often come together
_FATS = {True: 0.40, False: 0.18}  # of those with and without calories
_HEIGHTS = (370, 460)  # pixels of a package in its photo: near enough to tell the kinds apart


@dataclass(frozen=True, slots=True)
class OctagonProduct:
    """A product; its photos share the package, and so the kinds of octagon on it."""

    number: int
    kinds: frozenset[str]  # names of `WARNINGS`
    package: Image.Image  # RGBA


def draw_octagon_products(count: int, seed: int) -> list[OctagonProduct]:
    """Products with none to all four of the kinds; exactly one in nine has too much sodium, drawn for itself."""
    rng = np.random.default_rng(seed)
    salty = set(rng.permutation(count)[: round(_SODIUM * count)].tolist())
    return [_draw_product(number, number in salty, rng) for number in range(count)]


def write_octagon_photos(folder: Path, products: int, seed: int) -> int:
    """Photograph every product one to three times, and write `labels.csv`: image, group and a column for each kind.

    A cell is 1 where the photo shows the kind, 0 where it does not, and empty where the label is unknown.

    Returns:
        The number of photos.
    """
    photos = [
        (product, photo)
        for product in draw_octagon_products(products, seed)
        for photo in range(1 + product.number % 3)
    ]
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda photo: _write_photo(folder, seed, *photo), photos))
    files.write_bytes(str(folder / TABLE), csv_text([["image", "group", *WARNINGS], *rows]).encode())
    return len(rows)


def _write_photo(folder: Path, seed: int, product: OctagonProduct, number: int) -> list[str]:
    """Photograph a product; returns the photo's row of the table."""
    rng = np.random.default_rng((seed, product.number, number))  # whatever the order of the threads
    group = f"p{product.number:03d}"
    name = f"images/{group}_{number}.jpg"
    files.write_bytes(str(folder / name), photograph(product.package, rng, _HEIGHTS))
    unknown = rng.random(len(WARNINGS)) < UNKNOWN
    cells = [
        "" if empty else str(int(kind in product.kinds))
        for kind, empty in zip(WARNINGS, unknown, strict=True)
    ]
    return [name, group, *cells]


def _draw_product(number: int, salty: bool, rng: np.random.Generator) -> OctagonProduct:
    kinds = _choose_kinds(salty, rng)
    _, _, picture = draw_package(rng)
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    radius = int(min(width * 0.22, height * 0.17) * rng.uniform(0.9, 1))
    for slot, kind in enumerate(rng.permutation(kinds).tolist()):
        left, below = (2 * radius + 4) * (slot % 2), (2 * radius + 4) * (slot // 2)
        centre = (width - radius - 6 - left, int(height * 0.4) + below + int(rng.integers(-4, 5)))
        draw_octagon(draw, centre, radius, WARNINGS[kind])
    return OctagonProduct(number, frozenset(kinds), picture)


def _choose_kinds(salty: bool, rng: np.random.Generator) -> list[str]:
    """The kinds of one product: sugar and calories go together more often than not."""
    sugar = bool(rng.random() < _SUGAR)
    calories = bool(rng.random() < _CALORIES[sugar])
    fats = bool(rng.random() < _FATS[calories])
    drawn = {"calories": calories, "saturated_fats": fats, "sodium": salty, "sugar": sugar}
    return [kind for kind in WARNINGS if drawn[kind]]
