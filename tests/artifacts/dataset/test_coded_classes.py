"""Classes that are numbers or synsets take their names from a file beside the images, where it proves to be theirs."""

import json
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.artifacts.dataset.manifest import Dataset
from tests.pictures import write_photo

ANIMALS = ["cat", "dog", "emu"]


def write_table(folder: Path, labels: list[str]) -> Path:
    rows = []
    for number, label in enumerate(labels):
        write_photo(folder / f"p{number}.jpg", number)
        rows.append(f'p{number}.jpg,"{label}"')
    (folder / "table.csv").write_text("\n".join(["image,label", *rows]) + "\n", encoding="utf-8")
    return folder


def open_named(folder: Path, labels: list[str], name: str, text: str) -> Dataset:
    write_table(folder, labels)
    (folder / name).write_text(text, encoding="utf-8")
    return pupila.open(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\nemu\n"),
        ("names.txt", "\ufeffcat\r\ndog\r\nemu\r\n"),
        ("labels.txt", "0 cat\n1 dog\n2 emu\n"),
        ("labels.txt", "emu: 2\ncat: 0\ndog: 1\n"),
        ("class_names.json", '["cat", "dog", "emu"]'),
        ("config.json", '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog", "2": "emu"}}'),
        ("class_to_idx.json", '{"emu": 2, "dog": 1, "cat": 0}'),
        ("anything.json", '{"0": "cat", "1": "dog", "2": "emu"}'),
        (
            "class_index.json",
            '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "emu"], "3": ["n4", "fox"]}',
        ),
        (
            "categories.json",
            '{"categories": [{"id": 2, "name": "emu"}, {"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]}',
        ),
        ("signnames.csv", 'ClassId,SignName\n0,"cat"\n2,"emu"\n1,dog\n'),
        ("obj.names", "cat\ndog\nemu\n"),
    ],
)
def test_numbers_take_the_names_of_a_file(tmp_path: Path, name: str, text: str) -> None:
    data = open_named(tmp_path, ["0", "1", "2", "0", "1", "0"], name, text)
    assert data.class_counts() == {"cat": 3, "dog": 2, "emu": 1}
    assert any(note.startswith(f"The classes are named by {name}: 0 = cat") for note in data.notes)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("0 1 2", "cat dog emu"),  # 0 occurs: from 0
        ("1 2 3", "cat dog emu"),  # as many as names: from 1
        ("1 2", ""),  # three names: cat and dog, or dog and emu
        ("1 2 4", ""),  # more than there are names
        ("0 1 3", ""),
    ],
)
def test_where_a_list_begins_is_settled_by_proof_alone(tmp_path: Path, labels: str, names: str) -> None:
    numbers = labels.split()
    data = open_named(tmp_path, [*numbers, *numbers], "classes.txt", "cat\ndog\nemu\n")
    assert data.classes == (names or labels).split()
    words = f"that of class {numbers[0]}, as the labels prove" if names else "classes.txt is not used"
    assert any(words in note for note in data.notes)


def test_a_mapping_with_codes_never_counts_from_elsewhere(tmp_path: Path) -> None:
    mapping = json.dumps(dict(zip("123", ANIMALS, strict=True)))
    data = open_named(tmp_path, [*"012", *"012"], "cat_to_name.json", mapping)
    assert data.classes == [*"012"]
    assert any("cat_to_name.json is not used: it names no class 0" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("counts.json", '{"0": "many", "1": "few", "2": "some", "3": "none"}'),
        ("people.csv", "id,name\n0,Ann\n1,Bob\n2,Cy\n3,Di\n"),
        ("classes.txt", "0\n1\n2\n"),
        ("readme.txt", "Some text\nabout cats\nand dogs\n"),
    ],
)
def test_files_about_something_else_name_nothing(tmp_path: Path, name: str, text: str) -> None:
    assert open_named(tmp_path, [*"012", *"012"], name, text).classes == [*"012"]


def test_lists_of_numbers_take_names_too(tmp_path: Path) -> None:
    labels = ["[0, 1]", "[1]", "[2]", "[0]", "[]", "[0, 2]"]
    data = open_named(
        tmp_path, [label.replace('"', '""') for label in labels], "classes.txt", "cat\ndog\nemu\n"
    )
    assert data.class_counts() == {"cat": 3, "dog": 2, "emu": 2}


SYNSETS = {"n01440764": "tench, Tinca tinca", "n02012849": "crane", "n03126707": "crane"}


@pytest.mark.parametrize("name", ["synset_words.txt", "LOC_synset_mapping.txt", "words.json"])
def test_folders_of_synsets_take_their_words_and_equal_words_stay_apart(tmp_path: Path, name: str) -> None:
    for number, folder in enumerate([*SYNSETS] * 3):
        write_photo(tmp_path / "train" / folder / f"{number}.jpg", number)
        write_photo(tmp_path / "val" / folder / f"v{number}.jpg", 50 + number)
    known = {**SYNSETS, "n09999999": "another"}
    text = (
        json.dumps(known)
        if name.endswith("json")
        else "".join(f"{key} {words}\n" for key, words in known.items())
    )
    (tmp_path / name).write_text(text, encoding="utf-8")
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"crane (n02012849)": 6, "crane (n03126707)": 6, "tench, Tinca tinca": 6}
    assert pupila.split(data).verdict == "clean"


def test_labels_that_were_given_before_the_classes_had_names_take_them(tmp_path: Path) -> None:
    data = pupila.open(write_table(tmp_path, ["0", "1", "2", "0", "1", ""]))
    unlabelled = data.images.filter(pl.col("target").is_null()).row(0, named=True)
    label = Label(
        unlabelled["image"], unlabelled["sha256"], "annotator:me", True, "2", "2026-01-01T00:00:00Z"
    )
    append_labels(data.home, [label])
    (tmp_path / "classes.txt").write_text("cat\ndog\nemu\n", encoding="utf-8")
    assert pupila.open(tmp_path).class_counts() == {"cat": 2, "dog": 2, "emu": 2}


def test_two_files_that_differ_are_named(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("x\ny\nz\n", encoding="utf-8")
    data = open_named(tmp_path, [*"012", *"012"], "id2label.json", '{"0": "cat", "1": "dog", "2": "emu"}')
    assert data.classes == ANIMALS
    assert any("names.txt: other names of the classes" in note for note in data.notes)
