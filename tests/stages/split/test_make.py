"""The split: copies and groups never straddle, what came with the data is honoured and audited."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.errors import PupilaError
from tests.pictures import photo, write_classes, write_photo


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 photos of 2 classes; of every fourth an exact, a re-encoded and a mirrored copy."""
    folder = tmp_path_factory.mktemp("copied")
    for number in range(60):
        name = "cat" if number % 2 else "dog"
        path = write_photo(folder / name / f"{number:02d}.jpg", 1000 + number, quality=92)
        if number % 4 == 0:
            picture = Image.fromarray(photo(1000 + number))
            (folder / name / f"{number:02d}_exact.jpg").write_bytes(path.read_bytes())
            picture.resize((64, 48)).save(folder / name / f"{number:02d}_near.jpg", quality=60)
            mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            mirrored.save(folder / name / f"{number:02d}_mirrored.jpg", quality=80)
    return folder


def sides(made: SplitFile) -> dict[str, str]:
    return {a.image: a.split if a.fold is None else f"fold {a.fold}" for a in made.images}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("folds", [None, 4])
def test_copies_never_straddle(copied: Path, tmp_path: Path, seed: int, folds: int | None) -> None:
    made = pupila.split(copied, out=tmp_path, seed=seed, folds=folds)
    where = defaultdict(set)
    for image, side in sides(made).items():
        where[re.split(r"[_.]", image)[0]].add(side)
    assert all(len(on) == 1 for on in where.values())
    assert (len(where), len(made.images), made.verdict) == (60, 105, "clean")


def test_shares_and_balance_are_as_told(copied: Path, tmp_path: Path) -> None:
    made = pupila.split(copied, out=tmp_path)
    counted = {name: sum(a.split == name for a in made.images) for name in ("train", "validation", "test")}
    assert counted["train"] == pytest.approx(0.7 * 105, abs=3)
    assert counted["test"] == pytest.approx(0.15 * 105, abs=3)
    for name, count in counted.items():
        row = made.balance[name]
        assert row["images"] == count
        dogs = sum(a.split == name and a.image.startswith("dog/") for a in made.images)
        assert row["classes"]["dog"] == dogs
    shares = {n: made.balance[n]["classes"]["dog"] / counted[n] - 75 / 105 for n in counted}
    assert made.balance["largest_deviation"]["share"] == pytest.approx(
        max(map(abs, shares.values())), abs=1e-4
    )


def test_every_image_but_the_tests_is_in_one_fold(copied: Path, tmp_path: Path) -> None:
    made = pupila.split(copied, out=tmp_path, folds=5)
    assert {a.split for a in made.images} == {"train", "test"}
    assert all((a.fold is None) == (a.split == "test") for a in made.images)
    sizes = [sum(a.fold == fold for a in made.images) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 4


def table(folder: Path, rows: list[str]) -> Path:
    (folder / "t.csv").write_text("\n".join(["image,label,group,split", *rows]) + "\n")
    return folder / "t.csv"


def numbered(folder: Path, splits: list[str], groups: list[str] | None = None) -> Path:
    rows = []
    for number, split in enumerate(splits):
        write_photo(folder / f"{number}.jpg", 3000 + number)
        rows.append(f"{number}.jpg,{'ab'[number % 2]},{groups[number] if groups else ''},{split}")
    return table(folder, rows)


def test_a_given_split_is_taken_as_it_is(tmp_path: Path) -> None:
    words = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    made = pupila.split(numbered(tmp_path, words))
    assert [a.split for a in made.images] == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert made.origin == "came with the data"


def test_of_train_and_validation_theirs_is_the_sealed_test(tmp_path: Path) -> None:
    made = pupila.split(numbered(tmp_path, ["train"] * 20 + ["valid"] * 5))
    assert [a.split for a in made.images[20:]] == [] or {
        a.split for a in made.images if int(a.image[:-4]) >= 20
    } == {"test"}
    assert sum(a.split == "validation" for a in made.images) == 3  # 15 % of 20
    assert "sealed test" in made.origin


def test_of_train_and_test_validation_is_cut_from_train(tmp_path: Path) -> None:
    made = pupila.split(numbered(tmp_path, ["train"] * 20 + ["test"] * 5), val=0.25)
    assert sum(a.split == "validation" for a in made.images) == 5
    assert {a.image for a in made.of("test")} == {f"{n}.jpg" for n in range(20, 25)}


def test_a_leaking_split_is_kept_said_and_listed(tmp_path: Path) -> None:
    where = numbered(tmp_path, ["train"] * 6 + ["val"] * 2 + ["test"] * 2, [*("x" * 9), "y"])
    (tmp_path / "8.jpg").write_bytes((tmp_path / "0.jpg").read_bytes())
    Image.fromarray(photo(3001)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "9.jpg")
    made = pupila.split(where)
    assert made.verdict == "leaking"
    kinds = sorted((leak.kind, leak.first, leak.second, leak.splits) for leak in made.leaks)
    assert kinds == [
        ("exact", "0.jpg", "8.jpg", ("train", "test")),
        ("group", "0.jpg", "6.jpg", ("train", "validation")),
        ("group", "0.jpg", "8.jpg", ("train", "test")),
        ("mirrored", "1.jpg", "9.jpg", ("train", "test")),
    ]
    assert json.loads((tmp_path / "splits.json").read_text())["verdict"] == "leaking"


def test_a_given_split_can_be_ignored(tmp_path: Path) -> None:
    where = numbered(tmp_path, ["train"] * 18 + ["test"] * 2)
    made = pupila.split(where, ignore_given=True, test=0.3)
    assert sum(a.split == "test" for a in made.images) == 6


def test_a_split_with_odd_or_missing_words_is_refused(tmp_path: Path) -> None:
    for words, what in (
        (["train", "exam", "test"], "exam"),
        (["train", "", "test"], "None"),
        (["test", "val"], "no train"),
    ):
        with pytest.raises(PupilaError, match=what):
            pupila.split(numbered(tmp_path, words * 3))


def test_groups_of_a_column_stay_together(tmp_path: Path) -> None:
    where = numbered(tmp_path, [""] * 40, [f"g{n // 4}" for n in range(40)])
    made = pupila.split(where)
    where_is = defaultdict(set)
    for assignment in made.images:
        where_is[int(assignment.image[:-4]) // 4].add(assignment.split)
    assert all(len(on) == 1 for on in where_is.values())
    assert made.balance["train"]["groups"] == 7


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="2 groups of images"):
        pupila.split(numbered(tmp_path, [""] * 10, [f"g{n // 5}" for n in range(10)]))


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"val": 0.1, "folds": 3}, "exclude each other"),
        ({"val": 0.5, "test": 0.5}, "Nothing is left"),
        ({"fold": 3}, "did you mean 'folds'"),
        ({"test": -0.1}, "test: input should be"),
    ],
)
def test_wishes_that_can_not_be_honoured_are_refused(
    tmp_path: Path, wish: dict[str, float], says: str
) -> None:
    write_classes(tmp_path, {"a": 5, "b": 5})
    with pytest.raises(PupilaError, match=says):
        pupila.split(tmp_path, **wish)  # type: ignore[arg-type]


def test_products_of_grocery_packages_stay_on_one_side(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    made = pupila.split(real_data("grocery_packages"), by=r"__(.+)_\d+", out=tmp_path)
    assert {name: len(made.of(name)) for name in ("train", "validation", "test")} == {
        "train": 1193, "validation": 276, "test": 276,
    }  # fmt: skip
    products = defaultdict(set)
    for a in made.images:
        products[a.image.split("__")[1].rsplit("_", 1)[0]].add(a.split)
    assert len(products) == 31
    assert all(len(on) == 1 for on in products.values())
    assert made.verdict == "clean"


def test_a_split_of_grocery_packages_that_parts_products_is_called_leaking(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    by = r"(?P<split>train|val|test)__(?P<group>.+)_\d+"
    made = pupila.split(real_data("grocery_packages"), by=by, out=tmp_path)
    assert made.verdict == "leaking"
    assert {leak.kind for leak in made.leaks} == {"group"}


def test_ants_bees_keeps_its_own_validation_as_the_sealed_test(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    made = pupila.split(real_data("ants_bees"), by="^(train|val)__", out=tmp_path)
    for a in made.images:
        assert (a.split == "test") == ("/val__" in a.image)
    assert {name: len(made.of(name)) for name in ("train", "validation", "test")} == {
        "train": 207, "validation": 37, "test": 153,
    }  # fmt: skip


@pytest.mark.parametrize("wish", [{"seed": 1}, {"seed": 2}, {"folds": 5}])
def test_no_two_files_of_brain_mri_with_the_same_bytes_are_parted(
    real_data: Callable[[str], Path], tmp_path: Path, wish: dict[str, int]
) -> None:
    root = real_data("brain_mri")
    made = sides(pupila.split(root, out=tmp_path, **wish))  # type: ignore[arg-type]
    same: dict[str, set[str]] = defaultdict(set)
    files: dict[str, int] = defaultdict(int)
    for path in root.glob("*/*.*"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        same[digest].add(made[path.relative_to(root).as_posix()])
        files[digest] += 1
    assert sum(count > 1 for count in files.values()) == 22
    assert all(len(on) == 1 for on in same.values())
