"""The split: duplicates and groups never leak, a given split is kept and audited."""

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
    """60 photos of 2 classes; every fourth has an exact, a re-encoded and a mirrored copy."""
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


def splits_by_image(split_file: SplitFile) -> dict[str, str]:
    return {a.image: a.split if a.fold is None else f"fold {a.fold}" for a in split_file.images}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("folds", [None, 4])
def test_duplicates_never_leak(copied: Path, tmp_path: Path, seed: int, folds: int | None) -> None:
    split_file = pupila.split(copied, out=tmp_path, seed=seed, folds=folds)
    where = defaultdict(set)
    for image, split in splits_by_image(split_file).items():
        where[re.split(r"[_.]", image)[0]].add(split)
    assert all(len(on) == 1 for on in where.values())
    assert (len(where), len(split_file.images), split_file.verdict) == (60, 105, "clean")


def test_shares_and_balance_match_the_settings(copied: Path, tmp_path: Path) -> None:
    split_file = pupila.split(copied, out=tmp_path)
    counted = {
        name: sum(a.split == name for a in split_file.images) for name in ("train", "validation", "test")
    }
    assert counted["train"] == pytest.approx(0.7 * 105, abs=3)
    assert counted["test"] == pytest.approx(0.15 * 105, abs=3)
    for name, count in counted.items():
        row = split_file.balance.by_split()[name]
        assert row.images == count
        dogs = sum(a.split == name and a.image.startswith("dog/") for a in split_file.images)
        assert row.classes["dog"] == dogs
    shares = {n: split_file.balance.by_split()[n].classes["dog"] / counted[n] - 75 / 105 for n in counted}
    assert split_file.balance.largest_deviation.share == pytest.approx(
        max(map(abs, shares.values())), abs=1e-4
    )


def test_every_image_outside_test_is_in_one_fold(copied: Path, tmp_path: Path) -> None:
    split_file = pupila.split(copied, out=tmp_path, folds=5)
    assert {a.split for a in split_file.images} == {"train", "test"}
    assert all((a.fold is None) == (a.split == "test") for a in split_file.images)
    sizes = [sum(a.fold == fold for a in split_file.images) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 4


def table(folder: Path, rows: list[str]) -> Path:
    (folder / "t.csv").write_text("\n".join(["image,label,group,split", *rows]) + "\n")
    return folder / "t.csv"


def write_numbered(folder: Path, splits: list[str], groups: list[str] | None = None) -> Path:
    rows = []
    for number, split in enumerate(splits):
        write_photo(folder / f"{number}.jpg", 3000 + number)
        rows.append(f"{number}.jpg,{'ab'[number % 2]},{groups[number] if groups else ''},{split}")
    return table(folder, rows)


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    words = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    split_file = pupila.split(write_numbered(tmp_path, words))
    assert [a.split for a in split_file.images] == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert split_file.origin == "The split came with the data."


def test_a_given_validation_without_test_becomes_the_sealed_test(tmp_path: Path) -> None:
    split_file = pupila.split(write_numbered(tmp_path, ["train"] * 20 + ["valid"] * 5))
    assert [a.split for a in split_file.images[20:]] == [] or {
        a.split for a in split_file.images if int(a.image[:-4]) >= 20
    } == {"test"}
    assert sum(a.split == "validation" for a in split_file.images) == 3  # 15 % of 20
    assert "sealed test" in split_file.origin


def test_without_a_given_validation_it_is_drawn_from_train(tmp_path: Path) -> None:
    split_file = pupila.split(write_numbered(tmp_path, ["train"] * 20 + ["test"] * 5), val=0.25)
    assert sum(a.split == "validation" for a in split_file.images) == 5
    assert {a.image for a in split_file.in_split("test")} == {f"{n}.jpg" for n in range(20, 25)}


def test_a_leaking_split_is_kept_and_its_leaks_are_listed(tmp_path: Path) -> None:
    where = write_numbered(tmp_path, ["train"] * 6 + ["val"] * 2 + ["test"] * 2, [*("x" * 9), "y"])
    (tmp_path / "8.jpg").write_bytes((tmp_path / "0.jpg").read_bytes())
    Image.fromarray(photo(3001)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "9.jpg")
    split_file = pupila.split(where)
    assert split_file.verdict == "leaking"
    kinds = sorted((leak.kind, leak.first, leak.second, leak.splits) for leak in split_file.leaks)
    assert kinds == [
        ("exact", "0.jpg", "8.jpg", ("train", "test")),
        ("group", "0.jpg", "6.jpg", ("train", "validation")),
        ("group", "0.jpg", "8.jpg", ("train", "test")),
        ("mirrored", "1.jpg", "9.jpg", ("train", "test")),
    ]
    assert json.loads((tmp_path / "splits.json").read_text())["verdict"] == "leaking"


def test_a_given_split_can_be_ignored(tmp_path: Path) -> None:
    where = write_numbered(tmp_path, ["train"] * 18 + ["test"] * 2)
    split_file = pupila.split(where, ignore_given=True, test=0.3)
    assert sum(a.split == "test" for a in split_file.images) == 6
    assert split_file.origin.endswith(" The split that came with the data is ignored.")


def test_a_given_test_split_without_labels_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 4, "b": 4})
    write_photo(tmp_path / "test/1.jpg", 99)
    (sentence,) = pupila.split(tmp_path).balance.describe_unlabelled()
    assert sentence.startswith("No image of the test split has a label: nothing can be evaluated on it.")
    assert not pupila.split(tmp_path, ignore_given=True, replace=True).balance.describe_unlabelled()


def test_a_given_split_with_unknown_or_missing_names_is_refused(tmp_path: Path) -> None:
    for words, actual in (
        (["train", "exam", "test"], "exam"),
        (["train", "", "test"], "None"),
        (["test", "val"], "no train"),
    ):
        with pytest.raises(PupilaError, match=actual):
            pupila.split(write_numbered(tmp_path, words * 3))


def test_groups_of_a_column_stay_together(tmp_path: Path) -> None:
    where = write_numbered(tmp_path, [""] * 40, [f"g{n // 4}" for n in range(40)])
    split_file = pupila.split(where)
    where_is = defaultdict(set)
    for assignment in split_file.images:
        where_is[int(assignment.image[:-4]) // 4].add(assignment.split)
    assert all(len(on) == 1 for on in where_is.values())
    assert split_file.balance.train.groups == 7


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="2 groups of related images"):
        pupila.split(write_numbered(tmp_path, [""] * 10, [f"g{n // 5}" for n in range(10)]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val": 0.1, "folds": 3}, "mutually exclusive"),
        ({"val": 0.5, "test": 0.5}, "No images left for training"),
        ({"fold": 3}, "did you mean folds"),
        ({"test": -0.1}, "expected 0 to 0.5"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, settings: dict[str, float], message: str) -> None:
    write_classes(tmp_path, {"a": 5, "b": 5})
    with pytest.raises(PupilaError, match=message):
        pupila.split(tmp_path, **settings)  # type: ignore[arg-type]


def test_products_of_grocery_packages_stay_in_one_split(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    split_file = pupila.split(real_data("grocery_packages"), by=r"__(.+)_\d+", out=tmp_path)
    assert {name: len(split_file.in_split(name)) for name in ("train", "validation", "test")} == {
        "train": 1193, "validation": 276, "test": 276,
    }  # fmt: skip
    products = defaultdict(set)
    for a in split_file.images:
        products[a.image.split("__")[1].rsplit("_", 1)[0]].add(a.split)
    assert len(products) == 31
    assert all(len(on) == 1 for on in products.values())
    assert split_file.verdict == "clean"


def test_the_given_split_of_grocery_packages_is_leaking(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    by = r"(?P<split>train|val|test)__(?P<group>.+)_\d+"
    split_file = pupila.split(real_data("grocery_packages"), by=by, out=tmp_path)
    assert split_file.verdict == "leaking"
    assert {leak.kind for leak in split_file.leaks} == {"group"}


def test_the_given_validation_of_ants_bees_becomes_the_sealed_test(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    split_file = pupila.split(real_data("ants_bees"), by="^(train|val)__", out=tmp_path)
    for a in split_file.images:
        assert (a.split == "test") == ("/val__" in a.image)
    assert {name: len(split_file.in_split(name)) for name in ("train", "validation", "test")} == {
        "train": 207, "validation": 37, "test": 153,
    }  # fmt: skip


@pytest.mark.parametrize("settings", [{"seed": 1}, {"seed": 2}, {"folds": 5}])
def test_identical_files_of_brain_mri_stay_in_one_split(
    real_data: Callable[[str], Path], tmp_path: Path, settings: dict[str, int]
) -> None:
    root = real_data("brain_mri")
    splits = splits_by_image(pupila.split(root, out=tmp_path, **settings))  # type: ignore[arg-type]
    same: dict[str, set[str]] = defaultdict(set)
    files: dict[str, int] = defaultdict(int)
    for path in root.glob("*/*.*"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        same[digest].add(splits[path.relative_to(root).as_posix()])
        files[digest] += 1
    assert sum(count > 1 for count in files.values()) == 22
    assert all(len(on) == 1 for on in same.values())
