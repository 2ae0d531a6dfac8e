"""Several labels written as a table and as COCO's annotations of whole images: read back, they are the same."""

import json
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.several_labels import write_several_labels


def test_a_table_holds_what_is_unknown(tmp_path: Path) -> None:
    data = pupila.open(write_several_labels(tmp_path / "data", 8, unknown=0.3))
    result = pupila.convert(data, to="table", out=tmp_path / "out")
    again = pupila.open(tmp_path / "out")
    assert (result.images, result.skipped) == (8, 0)
    assert again.label_matrix.tolist() == data.label_matrix.tolist()
    assert -1 in data.label_matrix
    assert again.images["group"].to_list() == data.images["group"].to_list()


def test_a_split_becomes_folders_and_a_column(tmp_path: Path) -> None:
    data = write_several_labels(tmp_path / "data", 12, unknown=0)
    pupila.split(data)
    for layout in ("table", "coco"):
        pupila.convert(data, to=layout, out=tmp_path / layout)
        again = pupila.open(tmp_path / layout, task="multilabel")
        assert set(again.images["given_split"]) == {"train", "validation", "test"}
        assert sorted(again.images["target"]) == sorted(pupila.open(data).images["target"])
    document = json.loads((tmp_path / "coco/annotations/labels_train.json").read_text())
    assert [category["name"] for category in document["categories"]] == ["blue", "green", "red", "yellow"]
    assert not any("bbox" in annotation for annotation in document["annotations"])


def test_coco_cannot_say_unknown(tmp_path: Path) -> None:
    data = write_several_labels(tmp_path / "data", 8, unknown=0.5)
    with pytest.raises(PupilaError, match=r"(?s)can't say that a class is unknown.*--to table"):
        pupila.convert(data, to="coco", out=tmp_path / "out")


def test_a_layout_of_masks_is_none_of_labels(tmp_path: Path) -> None:
    data = write_several_labels(tmp_path / "data", 4)
    with pytest.raises(PupilaError, match="Unknown layout: found yolo; expected table, coco"):
        pupila.convert(data, to="yolo", out=tmp_path / "out")


def convert_class(folder: Path, name: str) -> Dataset:
    """The data of two images with a class of this name, written as a table and read again."""
    labels = [{name: True, "b": True, "c": True}, {name: False, "b": True, "c": False}]
    images = sorted(write_several_labels(folder / "d", 2).rglob("*.png"))
    data = pupila.open(list(zip(images, labels, strict=True)), task="multilabel")
    pupila.convert(data, to="coco", out=folder / "coco")
    pupila.convert(data, to="table", out=folder / "out")
    return pupila.open(folder / "out")


@pytest.mark.parametrize(
    "name", ["label", "Target", "fold", "id", "index", "is_test", "category", "reviewed", "bytes"]
)
def test_a_class_that_reading_would_lose_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        PupilaError, match=rf"would not take these columns for classes: found (b, c, )?{name}"
    ):
        convert_class(tmp_path, name)


@pytest.mark.parametrize("name", ["Group", "path", "mask", "is sweet", "training set"])
def test_a_class_with_a_word_for_a_column_is_written_where_it_reads_back(tmp_path: Path, name: str) -> None:
    again = convert_class(tmp_path, name)
    assert again.classes == sorted([name, "b", "c"])
    assert {tuple(row) for row in again.label_matrix.tolist()} == {
        tuple(int(shown or each == "b") for each in again.classes) for shown in (True, False)
    }


def test_odd_names_are_written_and_read_back(tmp_path: Path) -> None:
    names = ['"q"', "a, b", "salt;fat", "train station", "is sweet", "n|m"]
    labels = [dict.fromkeys(names, True), {name: number % 2 > 0 for number, name in enumerate(names)}]
    images = sorted(write_several_labels(tmp_path / "d", 2).rglob("*.png"))
    data = pupila.open(list(zip(images, labels, strict=True)), task="multilabel")
    pupila.convert(data, to="table", out=tmp_path / "out")
    again = pupila.open(tmp_path / "out")
    assert again.classes == sorted(names)
    assert again.label_matrix.tolist() == data.label_matrix.tolist()


def test_data_without_labels_are_refused(tmp_path: Path) -> None:
    write_several_labels(tmp_path / "d", 2)
    data = pupila.open(tmp_path / "d/images", task="multilabel")
    with pytest.raises(PupilaError, match="Only data with masks or several labels can be converted"):
        pupila.convert(data, to="table", out=tmp_path / "out")
