"""Several labels written as a table and as COCO's annotations of whole images: read back, they are the same."""

import json
from pathlib import Path

import pytest

import pupila
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


def test_a_class_named_like_a_column_is_refused(tmp_path: Path) -> None:
    data = pupila.open([(path, ["Group", "b"]) for path in write_several_labels(tmp_path / "d", 2).rglob("*.png")],
                       task="multilabel")  # fmt: skip
    with pytest.raises(PupilaError, match="has the name of another column: found Group"):
        pupila.convert(data, to="table", out=tmp_path / "out")


def test_data_without_labels_are_refused(tmp_path: Path) -> None:
    write_several_labels(tmp_path / "d", 2)
    data = pupila.open(tmp_path / "d/images", task="multilabel")
    with pytest.raises(PupilaError, match="Only data with masks or several labels can be converted"):
        pupila.convert(data, to="table", out=tmp_path / "out")
