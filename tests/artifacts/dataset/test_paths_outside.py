"""Paths in tables and annotations that lead out of the folder of the data: they are listed, and never read."""

import json
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset.formats.file_names import leaves_root
from pupila.core.errors import PupilaError
from tests.artifacts.dataset import annotation_writers as write
from tests.artifacts.dataset.annotation_writers import HEIGHT, WIDTH
from tests.pictures import write_photo

SQUARE = [[2.0, 3.0], [6.0, 3.0], [6.0, 7.0], [2.0, 7.0]]
REASON = "it leads out of the folder of the data; name the folder that holds both"


def photos(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / name, number, WIDTH, HEIGHT)
    return folder


def test_a_row_of_a_table_does_not_leave_the_folder(tmp_path: Path) -> None:
    photos(tmp_path, "outside/x.jpg", "data/a.jpg", "data/b.jpg")
    rows = "image,label\na.jpg,x\nb.jpg,y\n../outside/x.jpg,x\n"
    (tmp_path / "data/t.csv").write_text(rows)
    data = pupila.open(tmp_path / "data")
    assert data.images["image"].to_list() == ["a.jpg", "b.jpg"]
    assert data.skipped.rows() == [("../outside/x.jpg", "row-without-image", REASON)]
    (tmp_path / "data/t.csv").write_text(f"{rows}{tmp_path / 'outside/x.jpg'},x\n")
    assert len(pupila.open(tmp_path / "data")) == 3  # an absolute path says where it leads


def test_a_table_below_the_named_folder_may_go_up(tmp_path: Path) -> None:
    photos(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/t.csv").write_text("image,label\n../images/a.jpg,x\n../images/b.jpg,y\n")
    assert pupila.open(tmp_path, labels="tables/t.csv").images["target"].to_list() == ["x", "y"]


@pytest.mark.parametrize("tool", ["labelme", "voc", "cvat", "via", "coco"])
def test_the_file_of_a_tool_does_not_leave_the_folder(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "outside/x.jpg", "data/a.jpg")
    scene: write.Scene = {
        name: [("polygon", "road", SQUARE), ("polygon", "water", SQUARE)] for name in ("a.jpg", "x.jpg")
    }
    if tool == "coco":
        images = [
            {"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(scene)
        ]
        ring = [[number for point in SQUARE for number in point]]
        annotations = [{"image_id": n, "category_id": 1, "segmentation": ring} for n in range(2)]
        content: dict[str, Any] = {"images": images, "annotations": annotations,
                                   "categories": [{"id": 1, "name": "road"}]}  # fmt: skip
        write.write_json(tmp_path / "data/coco.json", content)
    else:
        write.WRITERS[tool](tmp_path / "data", scene)
    for path in (tmp_path / "data").rglob("*.*"):
        if path.suffix in (".json", ".xml"):
            path.write_text(path.read_text().replace("x.jpg", "../outside/x.jpg"))
    data = pupila.open(tmp_path / "data")
    assert data.images["image"].to_list() == ["a.jpg"]
    assert data.skipped.select("code", "reason").rows() == [("row-without-image", REASON)]


@pytest.mark.parametrize("train", ["../outside/images", "../../../../../../..", "../.."])
def test_a_split_of_yolo_does_not_leave_the_folder(tmp_path: Path, train: str) -> None:
    photos(tmp_path, "outside/images/x.jpg", "data/images/val/a.jpg")
    (tmp_path / "data/labels/val").mkdir(parents=True)
    (tmp_path / "data/labels/val/a.txt").write_text("0 0.2 0.2 0.6 0.2 0.6 0.6\n")
    content = {"names": ["road"], "train": train, "val": "images/val"}
    (tmp_path / "data/data.yaml").write_text(json.dumps(content))
    for path in (tmp_path / "data", tmp_path / "data/data.yaml"):
        data = pupila.open(path)
        assert data.images["image"].to_list() == ["images/val/a.jpg"]
        assert data.skipped.rows() == [(f"train: {train}", "row-without-image", REASON)]


def test_an_absolute_folder_around_the_data_is_no_split(tmp_path: Path) -> None:
    photos(tmp_path, "outside/notes/x.jpg", "data/images/val/a.jpg")
    (tmp_path / "outside/notes/secret.txt").write_text("secret")
    content = {"names": ["road"], "train": str(tmp_path), "val": "images/val"}
    (tmp_path / "data/data.yaml").write_text(json.dumps(content))
    with pytest.raises(PupilaError, match="No labelled images"):
        pupila.open(tmp_path / "data")
    (tmp_path / "data/labels/val").mkdir(parents=True)
    (tmp_path / "data/labels/val/a.txt").write_text("0 0.2 0.2 0.6 0.2 0.6 0.6\n")
    assert pupila.open(tmp_path / "data").skipped.height == 1
    content["train"] = str(tmp_path / "outside")
    (tmp_path / "data/data.yaml").write_text(json.dumps(content))
    data = pupila.open(tmp_path / "data")
    assert len(data) == 2  # as it is named
    assert "secret" not in str(data.skipped.rows())


@pytest.mark.parametrize(("path", "leaves"), [("..", True), ("../a", True), ("..a/b", False), ("a", False)])
def test_what_leads_out(path: str, leaves: bool) -> None:
    assert leaves_root(path) == leaves
