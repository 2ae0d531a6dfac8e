"""The user's own columns: which are shown, their type, and counts by hand."""

from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.report.fingerprint import CategoricalColumn, NumericColumn
from pupila.stages.explore.columns import _histogram_range, column_facts
from pupila.stages.explore.membership import one_class
from tests.pictures import write_photo
from tests.stages.explore.test_page import opened_page

GROUPS = np.arange(36)
BRANDS = ["Oro", "Sol", "Luz"]


def write_products(folder: Path, count: int = 36) -> Path:
    """Images with prices, brands, ratings, and identifiers; every fourth is expensive and a `box`."""
    rows = ["image,label,price,brand,rating,sku,link,empty,one"]
    for number in range(count):
        write_photo(folder / f"{number:02d}.jpg", number)
        expensive = number % 4 == 0
        price = "" if number == 1 else f"{100 + number if expensive else 10 + number / 10:.2f}"
        rows.append(f"{number:02d}.jpg,{'box' if expensive else 'bag'},{price},{BRANDS[number % 3]},{number % 5},"
                    f"{9000 + number},https://shop/{number},,same")  # fmt: skip
    (folder / "t.csv").write_text("\n".join(rows))
    return folder


def test_numeric_and_categorical_columns_and_identifiers(tmp_path: Path) -> None:
    data = pupila.open(write_products(tmp_path))
    columns = column_facts(data, GROUPS, one_class(data))
    assert list(columns) == ["price", "brand", "rating"]
    price, brand, rating = columns.values()
    assert isinstance(price, NumericColumn) and isinstance(brand, CategoricalColumn)
    assert (price.type, price.missing) == ("numeric", 1)
    assert price.classes["bag"].images == 26
    assert price.classes["box"].median == 116
    assert sum(price.classes["bag"].counts) == 26
    assert price.quantiles[0] == 10.2 and price.quantiles[-1] == 132
    assert price.explained_variance is None  # nine boxes
    assert (brand.type, brand.distinct, brand.missing) == ("categorical", 3, 0)
    assert brand.values["Oro"] == {"bag": 9, "box": 3}
    assert isinstance(rating, CategoricalColumn) and sum(rating.values["0"].values()) == 8


def test_identifiers_of_a_product_are_left_out_however_many_photos_it_has(tmp_path: Path) -> None:
    rows = ["image,product,name,price,group"]
    for number in range(60):
        write_photo(tmp_path / f"{number:02d}.jpg", number)
        product = number // 4
        rows.append(f"{number:02d}.jpg,{7000 + product},thing {product},{product * 1.25},{product}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    data = pupila.open(tmp_path / "t.csv")
    assert list(column_facts(data, data.components(), one_class(data))) == ["price"]


def test_the_page_shows_prices_and_brands_beside_the_labels(tmp_path: Path) -> None:
    explored = pupila.explore(write_products(tmp_path, 60))
    page = opened_page(explored.page)
    for part in (
        "Your columns: price, brand, rating",
        "price is missing for 1 of 60 images.",
        "Classes by brand",
    ):
        assert part in page
    assert "of the variance in price" in page
    assert "column price" in page and "Metadata alone predicts the label" in page  # the doctor says so too


def test_of_many_values_the_most_frequent_are_shown(tmp_path: Path) -> None:
    rows = ["image,label,maker"]
    for number in range(60):
        write_photo(tmp_path / f"{number}.jpg", number)
        rows.append(f"{number}.jpg,{'ab'[number % 2]},m{min(number // 2, 25) if number < 40 else 0:02d}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    explored = pupila.explore(tmp_path)
    maker = explored.fingerprint.columns["maker"]
    assert isinstance(maker, CategoricalColumn)
    assert next(iter(maker.values)) == "m00" and len(maker.values) == 12 and maker.distinct == 20
    assert "maker: the 12 most frequent of 20 values are shown." in opened_page(explored.page)


@pytest.mark.parametrize("value", ["$x^2$", "<b>bold</b>", "año"])
def test_values_of_the_user_are_shown_as_text(tmp_path: Path, value: str) -> None:
    rows = ["image,note"]
    for number in range(12):
        write_photo(tmp_path / f"{number}.jpg", number)
        rows.append(f"{number}.jpg,{value if number % 2 else 'other'}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    explored = pupila.explore(tmp_path / "t.csv")
    note = explored.fingerprint.columns["note"]
    assert isinstance(note, CategoricalColumn) and note.values[value] == {"": 6}
    assert "<b>bold" not in opened_page(explored.page)


def test_a_nearly_constant_column_has_edges_that_separate_its_values() -> None:
    values = np.concatenate([np.zeros(1988), np.arange(1, 13)])
    assert _histogram_range(values) == (0, 12)
    assert _histogram_range(-values) == (-12, 0)
    assert _histogram_range(np.arange(2000.0)) == (0, 1999)
