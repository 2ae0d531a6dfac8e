"""JSON files as tables of labels: records, mappings by image and by class, columns, and what they are not."""

import json
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

NAMES = [f"p{number}.jpg" for number in range(6)]
LABELS = ["cat", "dog", "cat", "dog", "cat", "dog"]
PAIRS = dict(zip(NAMES, LABELS, strict=True))


def write_images(folder: Path) -> Path:
    for number, name in enumerate(NAMES):
        write_photo(folder / "images" / name, number)
    return folder


def open_json(folder: Path, content: Any, name: str = "notes.json", **settings: Any) -> Dataset:
    write_images(folder)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return pupila.open(folder, **settings)


RECORDS = [{"image": name, "label": label, "size": 3} for name, label in PAIRS.items()]
FORMS: dict[str, Any] = {
    "records": RECORDS,
    "other names": [{"foto": f"images/{name}", "clase": label} for name, label in PAIRS.items()],
    "within": {"version": 1, "info": {"by": "me"}, "items": RECORDS},
    "rows": [[name, label] for name, label in PAIRS.items()],
    "rows within": {"labels": [[name, label] for name, label in PAIRS.items()]},
    "by image": PAIRS,
    "by stem": {name[:-4]: label for name, label in PAIRS.items()},
    "records by image": {name: {"label": label, "by": "me"} for name, label in PAIRS.items()},
    "records in records": [{"path": name, "annotation": {"class": label}} for name, label in PAIRS.items()],
    "lists in records": {name: {"tags": [label]} for name, label in PAIRS.items()},
    "by class": {"cat": NAMES[::2], "dog": NAMES[1::2]},
    "by class, stems": {"cat": [name[:-4] for name in NAMES[::2]], "dog": [name[:-4] for name in NAMES[1::2]]},
    "columns": {"image": NAMES, "label": LABELS},
    "pandas": {"image": {str(n): name for n, name in enumerate(NAMES)},
               "label": {str(n): label for n, label in enumerate(LABELS)}},
    "pandas split": {"columns": ["image", "label"], "index": [*range(6)],
                     "data": [list(pair) for pair in PAIRS.items()]},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_labels(tmp_path: Path, form: str) -> None:
    data = open_json(tmp_path, FORMS[form])
    assert data.task
    assert data.task.name == "classify"
    labels = zip(data.images["image"], data.images["target"], strict=True)
    assert {Path(image).name: label for image, label in labels} == PAIRS
    assert any("notes.json: " in note for note in data.notes)
    assert "notes.json" not in data.skipped["subject"].to_list()


@pytest.mark.parametrize(
    "content",
    [
        {name: ["cat", "dog"] if number else ["cat"] for number, name in enumerate(NAMES)},
        {name: {"cat": 1, "dog": int(number > 0)} for number, name in enumerate(NAMES)},
        [{"file": name, "cat": True, "dog": number > 0} for number, name in enumerate(NAMES)],
        {"cat": NAMES, "dog": NAMES[1:]},
    ],
    ids=["lists", "records", "columns", "by class"],
)
def test_several_labels_of_an_image(tmp_path: Path, content: Any) -> None:
    data = open_json(tmp_path, content)
    assert data.task
    assert data.task.name == "multilabel"
    assert data.class_counts() == {"cat": 6, "dog": 5}


def test_keys_of_splits_give_the_splits(tmp_path: Path) -> None:
    data = open_json(tmp_path, {"train": dict([*PAIRS.items()][:4]), "val": dict([*PAIRS.items()][4:])})
    assert data.images["given_split"].to_list() == [*["train"] * 4, *["validation"] * 2]
    assert data.images["target"].to_list() == LABELS


@pytest.mark.parametrize(
    "content",
    [
        {"0": "cat", "1": "dog"},
        {name: f"a photo of {max(number, 1)} things" for number, name in enumerate(NAMES)},
        {name: 0.25 * number for number, name in enumerate(NAMES)},
        {"learning_rate": 0.1, "layers": [{"name": "conv"}, {"name": "pool"}]},
        {name: [12 + number % 2, 3, 40, 50] for number, name in enumerate(NAMES)},
        {f"other{number}.jpg": "cat" for number in range(6)},
        [
            {"file": name, "width": 96 + number % 2, "height": 72, "license": number % 3}
            for number, name in enumerate(NAMES)
        ],
        [],
    ],
    ids=["names of classes", "captions", "measures", "settings", "boxes", "other images", "sizes", "nothing"],
)
def test_what_holds_no_labels_gives_none(tmp_path: Path, content: Any) -> None:
    assert open_json(tmp_path, content).task is None


def test_annotations_keep_their_priority(tmp_path: Path) -> None:
    coco = {"images": [{"id": 1, "file_name": "p0.jpg", "height": 72, "width": 96}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81,
                             "segmentation": [[1, 1, 9, 1, 9, 9]]}],
            "categories": [{"id": 1, "name": "thing"}]}  # fmt: skip
    (tmp_path / "annotations.json").write_text(json.dumps(coco), encoding="utf-8")
    assert "COCO" in open_json(tmp_path, PAIRS).layout
    assert pupila.open(tmp_path, labels="notes.json").classes == ["cat", "dog"]
    assert pupila.open(tmp_path / "notes.json").classes == ["cat", "dog"]


def test_two_files_that_may_hold_the_labels_are_a_question(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(
        json.dumps(dict(zip(NAMES, "xyxyxy", strict=True))), encoding="utf-8"
    )
    with pytest.raises(PupilaError, match="Several tables of images"):
        open_json(tmp_path, PAIRS)
    assert pupila.open(tmp_path, labels="other.json").classes == ["x", "y"]


@pytest.mark.parametrize("name", ["notes.json", "notes.csv"])
def test_a_table_beside_class_folders_is_named(tmp_path: Path, name: str) -> None:
    for number, (image, label) in enumerate(PAIRS.items()):
        write_photo(tmp_path / label / image, number)
    words = dict(zip(NAMES, "xyxyxy", strict=True))
    rows = "\n".join(["foto;clase", *(";".join(pair) for pair in words.items())])
    (tmp_path / name).write_text(json.dumps(words) if name.endswith("json") else rows, encoding="utf-8")
    (tmp_path / "stats.json").write_text('{"p0": 1, "mean": [0.5, 0.5]}', encoding="utf-8")
    data = pupila.open(tmp_path)
    assert data.classes == ["cat", "dog"]
    assert [note for note in data.notes if "is not read" in note] == [
        f"{name} names images and may hold their labels, but is not read; to read it, use --labels {name}."
    ]
    assert pupila.open(tmp_path, labels=name).classes == ["x", "y"]


def test_a_table_in_a_folder_without_images_is_found(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    data = open_json(tmp_path, PAIRS, "annotations/notes.json")
    assert data.images["target"].to_list() == LABELS


def test_a_file_in_each_folder_of_a_split_is_read(tmp_path: Path) -> None:
    for number, (name, label) in enumerate(PAIRS.items()):
        folder = tmp_path / ("train" if number < 4 else "test")
        write_photo(folder / name, number)
        table = folder / "labels.json"
        before = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
        table.write_text(json.dumps({**before, name: label}), encoding="utf-8")
    data = pupila.open(tmp_path)
    rows = data.images.select("image", "target", "given_split").rows()
    splits = dict(zip(NAMES, [*["train"] * 4, *["test"] * 2], strict=True))
    assert {(Path(image).name, target, split) for image, target, split in rows} == {
        (name, label, splits[name]) for name, label in PAIRS.items()
    }
