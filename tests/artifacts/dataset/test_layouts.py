"""Layouts: each is detected, named, and read into the same columns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.formats import FORMATS
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.reading import LayoutChoice
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.pictures import encoded, photo, write_classes, write_photo


def rows(data: Dataset) -> list[tuple[Any, ...]]:
    return data.images.select("image", "target", "given_split").rows()


def test_a_folder_per_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 1})
    data = pupila.open(tmp_path)
    assert rows(data) == [
        ("cat/000.jpg", "cat", None),
        ("cat/001.jpg", "cat", None),
        ("dog/000.jpg", "dog", None),
    ]
    assert "a folder per class" in str(data)
    assert "2 classes (cat 2, dog 1)" in str(data)


@pytest.mark.parametrize("words", [("train", "val", "test"), ("Training", "valid", "Testing")])
def test_classes_below_splits(tmp_path: Path, words: tuple[str, str, str]) -> None:
    for number, word in enumerate(words):
        write_photo(tmp_path / word / "cat/a.jpg", number)
    listed = {image.split("/")[0]: split for image, _, split in rows(pupila.open(tmp_path))}
    assert [listed[word] for word in words] == [
        "train", "validation", "test",
    ]  # fmt: skip


def test_a_class_called_test_is_a_class_where_there_is_no_train(tmp_path: Path) -> None:
    write_classes(tmp_path, {"test": 1, "control": 1})
    assert pupila.open(tmp_path).classes == ["control", "test"]


@pytest.mark.parametrize("stray", ["notes.json", "people.csv", "config.yaml"])
def test_a_stray_file_beside_the_lone_folder_changes_nothing(tmp_path: Path, stray: str) -> None:
    write_classes(tmp_path / "archive", {"cat": 1, "dog": 1})
    (tmp_path / stray).write_text("name\n1\n" if stray.endswith("csv") else "{}")
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert "inner folder archive" in str(data)


def test_the_flag_names_every_layout() -> None:
    assert {"auto", *FORMATS} - {"manifest"} == set(get_args(LayoutChoice))


def test_a_named_layout_is_kept_and_another_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "labels.csv").write_text("image,label\ncat/000.jpg,salt\ndog/000.jpg,sugar\n")
    assert pupila.open(tmp_path).classes == ["salt", "sugar"]
    pupila.open(tmp_path, layout="folders").save(str(tmp_path))
    recalled = pupila.open(tmp_path)
    assert recalled.classes == ["cat", "dog"]
    assert "--layout folders" in str(recalled)
    assert pupila.open(tmp_path, layout="auto").classes == ["salt", "sugar"]
    with pytest.raises(PupilaError, match="not laid out as coco"):
        pupila.open(tmp_path, layout="coco")


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    data = pupila.open(tmp_path)
    assert data.task is None
    assert "No labels yet." in str(data)


def test_a_lone_folder_around_the_data_is_stepped_into(tmp_path: Path) -> None:
    write_classes(tmp_path / "archive", {"cat": 1, "dog": 1})
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert "inner folder archive" in str(data)


def csv(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_with_group_and_split(tmp_path: Path, separator: str) -> None:
    write_photo(tmp_path / "photos/a.jpg", 1)
    write_photo(tmp_path / "photos/b.jpg", 2)
    lines = ["image,label,group,split,shop", "photos/a.jpg,01,g1,TRAIN,x", "photos/b.jpg,02,,val,y"]
    table = csv(tmp_path, "\n".join(lines).replace(",", separator))
    for where in (table, tmp_path):
        data = pupila.open(where)
        assert rows(data) == [("photos/a.jpg", "01", "train"), ("photos/b.jpg", "02", "validation")]
        assert data.images["group"].to_list() == ["g1", None]
        assert data.images["shop"].to_list() == ["x", "y"]


def test_a_table_of_windows_with_accents_and_backslashes(tmp_path: Path) -> None:
    write_photo(tmp_path / "fotos/a.jpg", 1)
    csv(tmp_path, "\ufeffFile_Name,Class\nfotos\\a.jpg,pi\u00f1a\n")
    assert rows(pupila.open(tmp_path)) == [("fotos/a.jpg", "pi\u00f1a", None)]
    csv(tmp_path, "image,label\nfotos/a.jpg,pi\u00f1a\n", encoding="latin-1")
    assert pupila.open(tmp_path).classes == ["pi\u00f1a"]


def test_parquet_and_json_lines(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    pl.DataFrame({"image": ["a.jpg"], "label": [7]}).write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text(json.dumps({"image": "a.jpg", "label": "seven", "box": [1, 2]}) + "\n")
    assert pupila.open(tmp_path / "t.parquet").classes == ["7"]
    assert pupila.open(tmp_path / "t.jsonl").classes == ["seven"]


def test_metadata_of_hugging_face_in_each_split(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        write_photo(tmp_path / split / "a.png", number)
        line = json.dumps({"file_name": "a.png", "label": "cat"})
        (tmp_path / split / "metadata.jsonl").write_text(line + "\n")
    assert rows(pupila.open(tmp_path)) == [("test/a.png", "cat", "test"), ("train/a.png", "cat", "train")]


def test_metadata_tables_of_hugging_face_in_each_split(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation")):
        write_photo(tmp_path / split / "a.png", number)
        csv(tmp_path / split, "file_name,label\na.png,01\n", "metadata.csv")
    assert rows(pupila.open(tmp_path)) == [
        ("train/a.png", "01", "train"), ("validation/a.png", "01", "validation"),
    ]  # fmt: skip


def test_metadata_of_hugging_face_beside_the_images(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", 1)
    csv(tmp_path, "file_name,label\na.png,cat\n", "metadata.csv")
    assert rows(pupila.open(tmp_path)) == [("a.png", "cat", None)]


def test_tables_named_after_splits(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write_photo(tmp_path / f"images/{name}1.jpg", len(name))
        csv(tmp_path, f"image,label\n{name}1.jpg,cat\n", f"{name}.csv")
    data = pupila.open(tmp_path)
    assert rows(data) == [("images/test1.jpg", "cat", "test"), ("images/train1.jpg", "cat", "train")]
    assert "found by the ends of their paths" in str(data)


def test_a_table_without_an_image_column_says_what_it_has(tmp_path: Path) -> None:
    table = csv(tmp_path, "imagee,label\na.jpg,cat\n")
    with pytest.raises(PupilaError, match="rename imagee to image"):
        pupila.open(table)


def test_several_tables_are_not_guessed_between(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    for name in ("one.csv", "two.csv"):
        csv(tmp_path, "image,label\na.jpg,cat\n", name)
    with pytest.raises(PupilaError, match=r"one\.csv, two\.csv"):
        pupila.open(tmp_path)


@pytest.mark.parametrize(
    ("missing", "close"), [("flower", "flowers"), ("label.csv", "labels.csv"), ("a.pyy", "")]
)
def test_a_missing_path_is_refused_with_the_data_that_are_meant(
    tmp_path: Path, missing: str, close: str
) -> None:
    write_classes(tmp_path / "flowers", {"rose": 1})
    for name in ("labels.csv", "a.py"):
        (tmp_path / name).write_text("")
    with pytest.raises(PupilaError, match="does not exist") as fault:
        pupila.open(tmp_path / missing)
    assert fault.value.remedy == (str(tmp_path / close) if close else "")


def test_an_address_of_the_web_is_refused_with_the_stores_that_are_read() -> None:
    with pytest.raises(PupilaError, match=r"found http://x/y; expected a path, or s3://bucket/prefix"):
        pupila.open("http://x/y")


@pytest.mark.parametrize("name", ["notes.txt", None])
def test_a_folder_without_images_says_what_it_found(tmp_path: Path, name: str | None) -> None:
    if name:
        (tmp_path / name).write_text("x")
    with pytest.raises(PupilaError, match="x .txt" if name else "an empty folder"):
        pupila.open(tmp_path)


def test_a_folder_of_broken_images_alone_is_refused_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(PupilaError, match="the file has no bytes"):
        pupila.open(tmp_path)


def test_a_store_opens_like_a_folder() -> None:
    for number, name in enumerate(("cat/a.png", "dog/b.png")):
        files.write_bytes(f"memory://zoo/{name}", encoded(photo(number)))
    data = pupila.open("memory://zoo")
    assert rows(data) == [("cat/a.png", "cat", None), ("dog/b.png", "dog", None)]
    assert pupila.doctor(data)[0].code == "small-class"


def test_a_table_and_a_manifest_may_lie_in_a_store() -> None:
    files.write_bytes("memory://shelf/photos/a.png", encoded(photo(1)))
    files.write_bytes("memory://shelf/t.csv", b"image,label\nphotos/a.png,cat\nphotos/b.png,cat\n")
    data = pupila.open("memory://shelf/t.csv")
    data.save("memory://shelf-out")
    assert data.skipped["subject"].to_list() == ["photos/b.png"]
    for where in ("memory://shelf", "memory://shelf-out", "memory://shelf-out/pupila.parquet"):
        assert pupila.open(where).hash == data.hash


@pytest.mark.parametrize(
    ("name", "images", "classes"),
    [
        ("ants_bees", 397, {"ants": 193, "bees": 204}),
        ("brain_mri", 253, {"no": 98, "yes": 155}),
        ("grocery_packages", 1745, {"other": 1383, "plant_based": 362}),
    ],
)
def test_real_folders_have_the_counts_that_their_readme_tells(
    real_data: Callable[[str], Path], name: str, images: int, classes: dict[str, int]
) -> None:
    data = pupila.open(real_data(name))
    assert len(data) == images
    assert data.class_counts() == classes
    assert data.images["sha256"].str.len_chars().unique().to_list() == [64]
