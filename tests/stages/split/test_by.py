"""`--by`: columns, expressions, names of splits, and every refusal."""

from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from pupila.stages.split.by import read_by, resolve_by
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
        (r"(?P<cycle>\d)", "(?P<number>...)"),
        (r"(?P<number>milk|tea)", "digits in (?P<number>...)"),
        ("auto", "no groups are likely in the file names"),
    ],
)
def test_an_invalid_by_is_refused(table_path: Path, by: str, message: str) -> None:
    data = pupila.open(table_path)
    with pytest.raises(PupilaError) as fault:
        read_by(data, resolve_by(data, by))
    assert message in str(fault.value)


def write_numbered(folder: Path, names: str) -> Path:
    """A photo for each of the names."""
    for seed, name in enumerate(names.split()):
        write_photo(folder / f"{name}.png", seed)
    return folder


@pytest.mark.parametrize(
    ("names", "by", "groups"),
    [
        ("e1_n5 e2_n8 e3_n9 e1_n12 e3_n14 e2_n20", r"e(?P<cycle>\d)_n(?P<number>\d+)", "5 5 5 12 12 20"),
        ("i1 i2 i3 i14 i15 i100", r"i(?P<number>\d+)", "1 1 1 14 14 100"),  # a step of more than ten times 1
        ("i1 i2 i3 i5 i6 i9", r"i(?P<number_1>\d+)", "1 1 1 5 5 9"),
        ("20210101_235955 20210102_000005 20210102_000010 20210102_010000", r"(?P<number>\d+_\d+)",
         "20210101_235955 20210101_235955 20210101_235955 20210102_010000"),
        ("a_1 a_2 b_2 b_3 b_90", r"(?P<group>\w)_(?P<number>\d+)", "a~1 a~1 b~2 b~2 b~90"),
        ("rock/1 paper/2 scissors/3 rock/4 paper/5 scissors/6", r"(?P<cycle>\w+)/(?P<number>\d)", "1 1 1 4 4 4"),
        ("b/1 a/2 c/3 a/4 b/5 c/6 a/7 b/8 c/9", r"(?P<cycle>\w+)/(?P<number>\d)", "1 2 2 4 4 4 7 7 7"),
        ("a/1 b/2 a/3 b/4", r"(?P<cycle>)(?P<number>\d)", "1 1 3 3"),
    ],
)  # fmt: skip
def test_a_running_number_names_groups(tmp_path: Path, names: str, by: str, groups: str) -> None:
    data = pupila.open(write_numbered(tmp_path, names))
    images = [image.removesuffix(".png") for image in data.images["image"]]
    expected = {
        name: group.replace("~", " ") for name, group in zip(names.split(), groups.split(), strict=True)
    }
    assert read_by(data, by) == ([expected[image] for image in images], None)
