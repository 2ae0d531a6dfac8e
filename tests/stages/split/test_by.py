"""`--by`: columns, expressions, words for splits, and every refusal."""

from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from pupila.stages.split.by import read_by
from tests.pictures import write_photo

NAMES = ("train__milk_1.jpg", "train__milk_2.jpg", "val__tea_1.jpg")


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def test_what_is_named(where: Path, by: str, groups: list[str] | None, splits: list[str] | None) -> None:
    assert read_by(pupila.open(where), by) == (groups, splits)


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("(", "a regular expression"),
        ("(a)(b)", "2 capture groups"),
        ("(?P<product>milk|tea)", "product"),
        ("shopp", "did you mean 'shop'"),
        ("milk", "does not fit 1 of 3 images"),
        ("jpg", "puts every image into one group"),
        (r"(?P<split>milk|tea)", "splits that Pupila does not know"),
    ],
)
def test_what_can_not_be_taken_is_refused(where: Path, by: str, says: str) -> None:
    with pytest.raises(PupilaError) as fault:
        read_by(pupila.open(where), by)
    assert says in str(fault.value)
