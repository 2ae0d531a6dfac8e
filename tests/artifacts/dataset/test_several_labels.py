"""The same labels in every layout that holds them: one matrix. And what saves them."""

import csv
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo
from tests.several_labels import write_several_labels

CLASSES = ("salt", "Sugar, added", "trans fat")
Labels = list[dict[str, bool] | None]


def names(labels: dict[str, bool] | None) -> list[str] | None:
    return None if labels is None else [name for name, shown in labels.items() if shown]


def write_images(folder: Path, labels: Labels) -> list[str]:
    paths = [f"images/{number}.png" for number in range(len(labels))]
    for number, path in enumerate(paths):
        write_photo(folder / path, number)
    return paths


def write_table(folder: Path, images: Labels, cell: Callable[[dict[str, bool] | None], object]) -> None:
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label"])
        writer.writerows(
            [path, cell(labels)] for path, labels in zip(write_images(folder, images), images, strict=True)
        )


def columns(folder: Path, images: Labels, words: tuple[str, str] = ("1", "0")) -> None:
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *CLASSES])
        for path, labels in zip(write_images(folder, images), images, strict=True):
            cells = [labels.get(name) if labels else None for name in CLASSES]
            writer.writerow([path, *("" if cell is None else words[not cell] for cell in cells)])


def rows(folder: Path, images: Labels) -> None:
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label"])
        for path, labels in zip(write_images(folder, images), images, strict=True):
            writer.writerows([path, name] for name in names(labels) or ["none"])


def coco(folder: Path, images: Labels) -> None:
    records = [{"id": number, "file_name": path} for number, path in enumerate(write_images(folder, images))]
    annotations = [
        {"id": 1, "image_id": number, "category_id": CLASSES.index(name), "bbox": [], "segmentation": []}
        for number, labels in enumerate(images) for name in names(labels) or ()
    ]  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    document = {"images": records, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(document))


def copies(folder: Path, images: Labels) -> None:
    for number, labels in enumerate(images):
        for name in names(labels) or ():
            write_photo(folder / name / f"{number}.png", number)


# Layout -> how it is written; the first three hold unknown classes, the first four images without a label.
LAYOUTS: dict[str, Callable[[Path, Labels], None]] = {
    "columns": columns,
    "columns of words": lambda folder, images: columns(folder, images, ("S\u00ed", "No")),
    "texts": lambda folder, images: write_table(folder, images, lambda labels: json.dumps(labels) if labels else ""),
    "lists": lambda folder, images: write_table(
        folder, images, lambda labels: "" if labels is None else json.dumps(names(labels))),
    "bars": lambda folder, images: write_table(folder, images, lambda labels: "|".join(names(labels) or ["none"])),
    "rows": rows,
    "coco": coco,
    "copies": copies,
}  # fmt: skip
UNKNOWN, UNLABELLED = list(LAYOUTS)[:3], list(LAYOUTS)[:4]
SEED: Labels = [
    dict.fromkeys(CLASSES, True),
    {**dict.fromkeys(CLASSES, False), "salt": True},
]  # every class, and alone


def draw_labels(layout: str) -> st.SearchStrategy[Labels]:
    cell = st.sampled_from([True, False, None] if layout in UNKNOWN else [True, False])
    labels = st.tuples(*[cell] * len(CLASSES)).map(
        lambda cells: {name: c for name, c in zip(CLASSES, cells, strict=True) if c is not None}
    )
    if layout in UNLABELLED:
        return st.lists(st.one_of(labels, st.none()), max_size=3)
    return st.lists(labels.filter(lambda labels: layout != "copies" or any(labels.values())), max_size=3)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_layout_gives_the_same_matrix(layout: str, data: st.DataObject, tmp_path: Path) -> None:
    images = SEED + data.draw(draw_labels(layout))
    folder = tmp_path / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    LAYOUTS[layout](folder, images)
    opened = pupila.open(folder, task="multilabel")
    assert opened.target == "classes"
    assert opened.classes == sorted(CLASSES)
    matrix = [[-1 if not labels or name not in labels else int(labels[name]) for name in sorted(CLASSES)]
                for labels in images]  # fmt: skip
    by_stem = dict(
        zip([Path(image).stem for image in opened.images["image"]], opened.label_matrix.tolist(), strict=True)
    )
    assert [by_stem[str(number)] for number in range(len(images))] == matrix


def test_copies_are_united_below_the_same_split_only(tmp_path: Path) -> None:
    for path, seed in (
        ("train/salt/a.png", 1),
        ("train/sugar/x.png", 1),
        ("test/sugar/b.png", 1),
        ("test/salt/c.png", 2),
    ):
        write_photo(tmp_path / path, seed)
    data = pupila.open(tmp_path, task="multilabel")
    assert data.images["image"].to_list() == ["test/salt/c.png", "test/sugar/b.png", "train/salt/a.png"]
    assert data.label_matrix.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert "1 copy of an image in the folder of another class is united with it" in str(data)
    assert len(pupila.open(tmp_path)) == 4


def test_a_folder_for_unknown_is_no_class_and_one_for_none_has_none(tmp_path: Path) -> None:
    for number, name in enumerate(("fat", "none", "salt", "unknown")):
        write_photo(tmp_path / name / "a.png", number)
    data = pupila.open(tmp_path, task="multilabel")
    assert (data.classes, data.label_matrix.tolist()) == (["fat", "salt"], [[1, 0], [0, 0], [0, 1], [-1, -1]])
    assert '"unknown" (1 image) says nothing: no label.' in data.notes
    assert pupila.open(tmp_path, task="classify").classes == ["fat", "none", "salt", "unknown"]


def test_masks_of_coco_become_labels_where_the_user_says_so(tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / f"{number}.jpg", number)
    square = [[1, 1, 9, 1, 9, 9, 1, 9]]
    shapes = [(0, 1, square), (0, 2, square), (1, 2, square)]
    document = {
        "images": [{"id": number, "file_name": f"{number}.jpg", "width": 96, "height": 72} for number in range(3)],
        "annotations": [{"image_id": image, "category_id": category, "segmentation": shape, "bbox": [1, 1, 8, 8]}
                        for image, category, shape in shapes],
        "categories": [{"id": 1, "name": "salt"}, {"id": 2, "name": "sugar"}],
    }  # fmt: skip
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    assert pupila.open(tmp_path).target == "mask"
    data = pupila.open(tmp_path, task="multilabel")
    assert data.label_matrix.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert "their masks and boxes are not read" in str(data)
    boxes = [{**record, "segmentation": []} for record in document["annotations"]]
    (tmp_path / "annotations.json").write_text(json.dumps({**document, "annotations": boxes}))
    with pytest.raises(PupilaError, match=r"(?s)are boxes, not masks.*--task multilabel"):
        pupila.open(tmp_path, task="segment")
    assert pupila.open(tmp_path, task="multilabel").label_matrix.tolist() == [[1, 1], [0, 1], [0, 0]]


def write_coco(
    path: Path, names: dict[Any, str], images: dict[Any, str], annotations: list[tuple[Any, Any]]
) -> None:
    """A COCO file; categories and images by their id, annotations as pairs of image id and category id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images.values()):
        write_photo(path.parent / image, zlib.crc32(path.parent.name.encode()) % 1000 + number)
    document = {
        "images": [{"id": key, "file_name": name} for key, name in images.items()],
        "annotations": [{"image_id": image, "category_id": category} for image, category in annotations],
        "categories": [{"id": key, "name": name} for key, name in names.items()],
    }
    path.write_text(json.dumps(document))


def test_a_coco_file_is_about_its_own_categories(tmp_path: Path) -> None:
    name = "_annotations.coco.json"
    write_coco(tmp_path / "train" / name, {0: "salt", 1: "fat"}, {0: "a.jpg", 1: "b.jpg"}, [(0, 0), (1, 1)])
    write_coco(tmp_path / "valid" / name, {0: "fat", 1: "sugar"}, {0: "c.jpg"}, [(0, 1)])
    data = pupila.open(tmp_path, task="multilabel")
    assert data.classes == ["fat", "salt", "sugar"]
    assert data.label_matrix.tolist() == [[0, 1, -1], [1, 0, -1], [0, -1, 1]]


def test_several_records_of_an_image_are_united(tmp_path: Path) -> None:
    images = {1: "a.jpg", 2: "a.jpg", 3: "b.jpg"}
    write_coco(tmp_path / "x.json", {1: "salt", 2: "fat", 3: "sugar"}, images, [(1, 1), (2, 2), (3, 3)])
    data = pupila.open(tmp_path, task="multilabel")
    assert data.label_matrix.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert data.skipped.is_empty()


def test_coco_ids_may_be_text_or_numbers(tmp_path: Path) -> None:
    images = {"1": "a.jpg", 2: "b.jpg"}
    write_coco(tmp_path / "x.json", {"1": "salt", 2: "fat"}, images, [(1, 1), ("2", "2"), (2, 1.0)])
    assert pupila.open(tmp_path, task="multilabel").label_matrix.tolist() == [[0, 1], [1, 1]]


def test_an_annotation_of_no_category_leaves_the_other_classes_unknown(tmp_path: Path) -> None:
    images = {1: "a.jpg", 2: "b.jpg", 3: "c.jpg"}
    write_coco(tmp_path / "x.json", {1: "salt", 2: "fat"}, images, [(1, 1), (1, 9), (2, None), (3, 2)])
    data = pupila.open(tmp_path, task="multilabel")
    assert data.label_matrix.tolist() == [[-1, 1], [-1, -1], [1, 0]]
    reason = "an annotation has a category that the file does not name"
    assert data.skipped.rows() == [(name, "unreadable-label", reason) for name in ("a.jpg", "b.jpg")]
    assert "2 images have annotations of a category that the file does not name" in str(data)


def test_a_category_for_unknown_leaves_the_other_classes_unknown(tmp_path: Path) -> None:
    images = {1: "a.jpg", 2: "b.jpg", 3: "c.jpg"}
    write_coco(
        tmp_path / "x.json", {1: "salt", 2: "fat", 3: "unknown"}, images, [(1, 1), (1, 3), (2, 3), (3, 2)]
    )
    data = pupila.open(tmp_path, task="multilabel")
    assert data.label_matrix.tolist() == [[-1, 1], [-1, -1], [1, 0]]
    assert "unknown is not a class: in an image that is annotated with it" in str(data)


def test_without_categories_there_are_no_labels(tmp_path: Path) -> None:
    write_coco(tmp_path / "x.json", {}, {1: "a.jpg", 2: "b.jpg"}, [])
    data = pupila.open(tmp_path, task="multilabel")
    assert (data.classes, data.images["target"].to_list()) == ([], [None, None])


def test_masks_are_no_labels(tmp_path: Path) -> None:
    write_photo(tmp_path / "images/a.png", 1)
    write_photo(tmp_path / "masks/a.png", 1)
    with pytest.raises(PupilaError, match="not for the task multilabel: found images beside masks"):
        pupila.open(tmp_path, task="multilabel")
    unlabelled = pupila.open(tmp_path / "images", task="segment")
    assert "No image has a label for the task segment yet: naming it changes nothing." in unlabelled.notes


def test_the_manifest_saves_the_labels_and_the_task(tmp_path: Path) -> None:
    data = pupila.open(write_several_labels(tmp_path / "data", 6))
    data.save(str(tmp_path / "home"))
    again = pupila.open(tmp_path / "home")
    assert again.label_matrix.tolist() == data.label_matrix.tolist()
    assert again.classes == data.classes
    assert again.hash == data.hash


def test_the_task_that_was_named_is_saved_beside_the_data(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)
    (tmp_path / "t.csv").write_text("image,salt,sugar\na.jpg,1,0\nb.jpg,0,1\n")
    assert pupila.open(tmp_path).target == "class"
    pupila.open(tmp_path, task="multilabel").save(str(tmp_path))
    recalled = pupila.open(tmp_path)
    assert recalled.target == "classes"
    assert "The data are read with --task multilabel, as the saved manifest has it" in str(recalled)
    assert pupila.open(tmp_path, task="classify").target == "class"
    assert pupila.open(tmp_path, task="auto").target == "class"


def label(data: Dataset, row: int, target: str | None, annotator: bool = True) -> Label:
    image, digest = data.images.select("image", "sha256").row(row)
    return Label(
        image, digest, "annotator:ana" if annotator else "vlm:x", annotator, target, "2026-01-01T00:00:00Z"
    )


def test_the_history_fills_in_and_overrides(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        write_photo(tmp_path / f"{name}.jpg", number)
    (tmp_path / "t.csv").write_text("image,salt,sugar\na.jpg,1,1\nb.jpg,0,\nc.jpg,,\n")
    data = pupila.open(tmp_path)
    texts = ['{"salt": 0, "sugar": 1}', '{"salt": 1, "sugar": 1}', "sugar"]
    append_labels(
        data.home, [label(data, 0, texts[0]), label(data, 1, texts[1], False), label(data, 2, texts[2])]
    )
    again = pupila.open(tmp_path)
    assert again.label_matrix.tolist() == [[0, 1], [0, -1], [-1, 1]]
    assert "1 label of the history is one class: it is present, and the other classes are unknown." in str(
        again
    )
    assert again.images["given_target"].to_list() == data.images["target"].to_list()


def test_labels_of_the_history_alone_decide_what_they_are(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)
    data = pupila.open(tmp_path)
    append_labels(
        data.home, [label(data, 0, '{"salt": 1, "sugar": 1}'), label(data, 1, '{"salt": 0, "sugar": 1}')]
    )
    assert pupila.open(tmp_path).label_matrix.tolist() == [[1, 1], [0, 1]]
    single = pupila.open(tmp_path, task="classify")
    assert single.images["target"].to_list() == [None, "sugar"]
    assert "It is not used, as images have one class here" in str(single)


def test_a_sample_says_its_labels_in_words(tmp_path: Path) -> None:
    data = pupila.open(write_several_labels(tmp_path / "data", 3))
    assert data[2].labels == {"green": True, "red": False, "yellow": False}
    assert "green; unknown: blue" in str(data[2])
    assert data.show(3).width > 0
