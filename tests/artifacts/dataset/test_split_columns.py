"""Columns that give the splits of a table's images under other names than `split`."""

import json
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def open_columns(folder: Path, **columns: list[str]) -> Dataset:
    names, rows = list(columns), list(zip(*columns.values(), strict=True))
    lines = [",".join(["file", "label", *names])]
    for number, row in enumerate(rows):
        write_photo(folder / f"p{number}.jpg", number)
        lines.append(",".join([f"p{number}.jpg", "ab"[number % 2], *row]))
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pupila.open(folder)


@pytest.mark.parametrize(
    ("name", "cells", "splits"),
    [
        ("subset", ["train", "train", "test"], ["train", "train", "test"]),
        ("anything", ["Train", "dev", "test"], ["train", "validation", "test"]),
        ("set", ["train", "train", "train"], ["train"] * 3),
        ("Usage", ["Training", "PublicTest", "PrivateTest"], ["train", "test", "test"]),
        ("is_valid", ["False", "False", "True"], ["train", "train", "validation"]),
        ("is_test", ["0", "0", "1"], ["train", "train", "test"]),
        ("is_train", ["1", "1", "0"], ["train", "train", "test"]),
        ("phase", ["train", "", "val"], ["train", None, "validation"]),
    ],
)
def test_a_column_gives_the_splits_and_a_note_says_which(
    tmp_path: Path, name: str, cells: list[str], splits: list[str | None]
) -> None:
    data = open_columns(tmp_path, **{name: cells})
    assert data.images["given_split"].to_list() == splits
    assert data.classes == ["a", "b"]
    assert any(note.startswith(f"The splits are read from the column {name}: ") for note in data.notes)


@pytest.mark.parametrize(
    ("name", "cells", "words"),
    [
        ("is_valid", ["True", "True", "False"], "says yes for most images"),
        ("fold", ["0", "1", "0"], "pupila split --by fold"),
        (
            "subset",
            ["train", "unused", "test"],
            "not read as splits: unused. Write one of train, training, val",
        ),
        ("partition", ["0", "1", "2"], "not read as splits: 0, 1, 2"),
    ],
)
def test_what_gives_no_split_stays_a_column_with_a_word(
    tmp_path: Path, name: str, cells: list[str], words: str
) -> None:
    data = open_columns(tmp_path, **{name: cells})
    assert data.images["given_split"].null_count() == 3
    assert data.own_columns == [name]
    assert any(words in note for note in data.notes)


def test_a_column_named_split_counts(tmp_path: Path) -> None:
    data = open_columns(tmp_path, split=["train", "test", "test"], subset=["test", "train", "train"])
    assert data.images["given_split"].to_list() == ["train", "test", "test"]
    assert any("subset would give others" in note for note in data.notes)


def test_columns_of_yes_and_no_give_the_splits_together(tmp_path: Path) -> None:
    data = open_columns(tmp_path, is_test=["1", "0", "0", "0", "0"], is_valid=["0", "1", "0", "0", "0"])
    assert data.images["given_split"].to_list() == ["test", "validation", "train", "train", "train"]


def test_an_unknown_word_in_the_column_of_splits_is_named_and_stops_the_split(tmp_path: Path) -> None:
    data = open_columns(tmp_path, split=["train", "unused", "TEST ", "PublicTest", ""])
    assert data.images["given_split"].to_list() == ["train", "unused", "test", "test", None]
    note = next(note for note in data.notes if "name no split" in note)
    assert "unused (1)" in note
    assert "entrenamiento" in note
    assert any("PublicTest = test" in note for note in data.notes)
    with pytest.raises(PupilaError, match=r"(?s)unused for 2 images.*holdout.*--ignore-given"):
        pupila.split(data)


def test_columns_that_differ_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="Several columns give the splits"):
        open_columns(tmp_path, subset=["train", "test", "test"], phase=["train", "train", "test"])


def write_lists(folder: Path, suffix: str, shared: bool) -> list[str | None]:
    names = [f"p{number}.jpg" for number in range(6)]
    lists = {"train": names[:4], "val": names[3 if shared else 4 :]}
    for split, images in lists.items():
        (folder / f"{split}{suffix}").write_text("\n".join(images) + "\n", encoding="utf-8")
    splits: list[str | None] = [*["train"] * 4, *["validation"] * 2]
    return [None] * 6 if shared else splits


@pytest.mark.parametrize("suffix", [".txt", ".lst", ".csv"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("table", [False, True])
def test_lists_of_images_are_the_splits(tmp_path: Path, suffix: str, shared: bool, table: bool) -> None:
    images = [tmp_path / ("" if table else "ab"[number % 2]) / f"p{number}.jpg" for number in range(6)]
    for number, image in enumerate(images):
        write_photo(image, number)
    if table:
        lines = ["image,label", *(f"p{number}.jpg,{'ab'[number % 2]}" for number in range(6))]
        (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    splits = write_lists(tmp_path, suffix, shared)
    rows = pupila.open(tmp_path).images.select("image", "given_split", "target").iter_rows()
    assert {Path(image).name: (split, target) for image, split, target in rows} == {
        f"p{number}.jpg": (splits[number], "ab"[number % 2]) for number in range(6)
    }
    note = next(note for note in pupila.open(tmp_path).notes if "lists of images" in note)
    assert ("p3.jpg" in note) is shared


@pytest.mark.parametrize("within", [True, False])
def test_lists_in_a_json_file_are_the_splits(tmp_path: Path, within: bool) -> None:
    for number in range(6):
        write_photo(tmp_path / "ab"[number % 2] / f"p{number}.jpg", number)
    lists = {"Train": [f"p{number}" for number in range(4)], "test": ["b/p5.jpg", "a/p4.jpg"]}
    (tmp_path / "parts.json").write_text(
        json.dumps({"seed": 3, "ids": lists} if within else lists), encoding="utf-8"
    )
    data = pupila.open(tmp_path)
    assert data.classes == ["a", "b"]
    splits = zip(data.images["image"], data.images["given_split"], strict=True)
    assert {image: split for image, split in splits if split == "test"} == {
        "a/p4.jpg": "test",
        "b/p5.jpg": "test",
    }
    assert any(
        "The splits are the lists of images in parts.json: train 4, test 2." in note for note in data.notes
    )
