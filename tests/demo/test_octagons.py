"""Synthetic packages with several kinds of octagon: known shares, a table that a tool can read, unknown cells."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pupila.demo.octagons import TABLE, UNKNOWN, WARNINGS, draw_octagon_products, write_octagon_photos
from pupila.demo.packages import draw_octagon

PRODUCTS = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("octagons")
    write_octagon_photos(folder, PRODUCTS, seed=3)
    return folder


def _read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_kinds_are_common_to_rare_and_sugar_goes_with_calories() -> None:
    kinds = [product.kinds for product in draw_octagon_products(144, seed=3)]
    shares = {kind: float(np.mean([kind in each for each in kinds])) for kind in WARNINGS}
    assert sum("sodium" in each for each in kinds) == 16  # exactly one in nine
    assert shares["sodium"] < shares["saturated_fats"] < min(shares["calories"], shares["sugar"])
    assert {len(each) for each in kinds} >= {0, 1, 2, 3}
    with_sugar = np.mean(["calories" in each for each in kinds if "sugar" in each])
    without = np.mean(["calories" in each for each in kinds if "sugar" not in each])
    assert with_sugar > 2 * without


def test_the_table_has_a_row_per_photo_and_says_only_what_the_package_shows(folder: Path) -> None:
    kinds = {f"p{product.number:03d}": product.kinds for product in draw_octagon_products(PRODUCTS, seed=3)}
    rows = _read_rows(folder)
    assert [row["image"] for row in rows] == sorted(
        str(path.relative_to(folder)) for path in folder.glob("images/*.jpg")
    )
    assert {row["group"] for row in rows} == set(kinds)
    cells = [(row[kind], str(int(kind in kinds[row["group"]]))) for row in rows for kind in WARNINGS]
    assert all(cell in ("", shown) for cell, shown in cells)
    unknown = np.mean([cell == "" for cell, _ in cells])
    assert UNKNOWN / 2 < unknown < 2 * UNKNOWN


def test_the_same_seed_draws_the_same_photos(tmp_path: Path) -> None:
    first, again, other = (
        _draw_photos(tmp_path / name, seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first == again
    assert not set(first.values()) & set(other.values())


def _draw_photos(folder: Path, seed: int) -> dict[str, bytes]:
    write_octagon_photos(folder, 1, seed)
    return {path.name: path.read_bytes() for path in folder.glob("images/*.jpg")}


@pytest.mark.parametrize("kind", sorted(WARNINGS))
def test_the_text_stays_inside_the_octagon(kind: str) -> None:
    plain, drawn = Image.new("L", (220, 220), 128), Image.new("L", (220, 220), 128)
    draw_octagon(ImageDraw.Draw(plain), (110, 110), 100, ())
    draw_octagon(ImageDraw.Draw(drawn), (110, 110), 100, WARNINGS[kind])
    text = np.asarray(plain) != np.asarray(drawn)
    assert text.mean() > 0.02
    assert (np.asarray(plain)[text] == 0).all()  # it covers black alone, neither the edge nor the package
