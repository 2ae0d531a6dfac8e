"""`--by`: columns, expressions, names of splits, and every refusal."""

from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from pupila.stages.split.by import read_by
from tests.pictures import write_photo

NAMES = ("train__milk_1.jpg", "train__milk_2.jpg", "val__tea_1.jpg")


@pytest.fixture(scope="module")
def table_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by")
    rows = ["image,label,shop,part"]
    for number, name in enumerate(NAMES):
        write_photo(folder / "photos" / name, number)
        rows.append(f"photos/{name},x,{'north' if number else 'south'},{'Train' if number else 'TEST'}")
    (folder / "t.csv").write_text("\n".join(rows))
    return folder / "t.csv"


@pytest.mark.parametrize(
    ("by", "groups", "splits"),
    [
        ("shop", ["south", "north", "north"], None),
        ("part", None, ["test", "train", "train"]),
        (r"__(.+)_\d", ["milk", "milk", "tea"], None),
        (r"__[a-z]+", ["__milk", "__milk", "__tea"], None),
        (r"^(train|val)__", None, ["train", "train", "validation"]),
        (r"^(?P<split>\w+?)__(?P<group>\w+)_", ["milk", "milk", "tea"], ["train", "train", "validation"]),
        (r"photos/(\w+?)__", None, ["train", "train", "validation"]),
    ],
)
def test_columns_and_expressions_name_groups_and_splits(
    table_path: Path, by: str, groups: list[str] | None, splits: list[str] | None
) -> None:
    assert read_by(pupila.open(table_path), by) == (groups, splits)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("(", "a regular expression"),
        ("(a)(b)", "2 capture groups"),
        ("(?P<product>milk|tea)", "product"),
        ("shopp", "Columns: shop, part.\n  Try: --by shop"),
        ("milk", "does not match 1 of 3 images"),
        ("jpg", "puts every image into one group"),
        (r"(?P<split>milk|tea)", "Unknown splits in --by"),
    ],
)
def test_an_invalid_by_is_refused(table_path: Path, by: str, message: str) -> None:
    with pytest.raises(PupilaError) as fault:
        read_by(pupila.open(table_path), by)
    assert message in str(fault.value)
