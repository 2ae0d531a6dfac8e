"""Tables whose columns are found by their content: any names, no header, lists of paths, and questions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

LABELS = {f"p{number}.jpg": "cat" if number % 2 else "dog" for number in range(6)}


def write_images(folder: Path, below: str = "images") -> None:
    for number, name in enumerate(LABELS):
        write_photo(folder / below / name, number)


def open_lines(folder: Path, lines: list[str], name: str = "t.csv") -> Dataset:
    write_images(folder)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pupila.open(folder)


def read_labels(data: Dataset) -> dict[str, str]:
    return {Path(image).name: target for image, target in data.images.select("image", "target").iter_rows()}


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("img_name", "category"),
        ("id", "species"),
        ("Image Index", "LabelName"),
        ("foto", "Klasse"),
        ("x", "y"),
    ],
)
@pytest.mark.parametrize(
    "form", ["{stem}.jpg", "{stem}", "images/{stem}.jpg", "C:\\data\\{stem}.jpg", "{stem}%2Ejpg"]
)
def test_columns_of_any_name_are_found(tmp_path: Path, image: str, label: str, form: str) -> None:
    lines = [f"{label},note,{image}"]
    lines += [f"{name},n{row},{form.format(stem=image.removesuffix('.jpg'))}"
              for row, (image, name) in enumerate(LABELS.items())]  # fmt: skip
    data = open_lines(tmp_path, lines)
    assert read_labels(data) == LABELS
    assert data.own_columns == ["note"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".jpg", ""])
def test_a_table_without_a_header_loses_no_row(tmp_path: Path, separator: str, ending: str) -> None:
    lines = [f"{image.removesuffix('.jpg')}{ending}{separator}{label}" for image, label in LABELS.items()]
    data = open_lines(tmp_path, lines)
    assert read_labels(data) == LABELS
    assert any("column 1 names the images" in note for note in data.notes)


def test_a_list_of_paths_and_labels(tmp_path: Path) -> None:
    data = open_lines(
        tmp_path, [f"images/{image} {label} one" for image, label in LABELS.items()], "list.txt"
    )
    assert read_labels(data) == {image: f"{label} one" for image, label in LABELS.items()}


def test_lists_named_after_splits_are_given_splits(tmp_path: Path) -> None:
    lines = [f"images/{image} {label}" for image, label in LABELS.items()]
    write_images(tmp_path)
    for name, part in {"train.txt": lines[:4], "test.txt": lines[4:]}.items():
        (tmp_path / name).write_text("\n".join(part), encoding="utf-8")
    data = pupila.open(tmp_path)
    assert read_labels(data) == LABELS
    assert data.images["given_split"].to_list() == ["train"] * 4 + ["test"] * 2


def test_a_column_of_splits_is_found_by_its_cells(tmp_path: Path) -> None:
    rows = [
        f"{image},{label},{'train' if row < 4 else 'val'}"
        for row, (image, label) in enumerate(LABELS.items())
    ]
    data = open_lines(tmp_path, ["pic,kind,part", *rows])
    assert read_labels(data) == LABELS
    assert data.images["given_split"].to_list() == ["train"] * 4 + ["validation"] * 2


def test_two_likely_columns_are_a_question(tmp_path: Path) -> None:
    rows = [
        f"{image},{label},{'north' if row < 3 else 'south'}"
        for row, (image, label) in enumerate(LABELS.items())
    ]
    with pytest.raises(PupilaError, match="may hold the labels: found kind, site"):
        open_lines(tmp_path, ["pic,kind,site", *rows])


def test_of_a_class_and_its_number_the_name_is_the_label(tmp_path: Path) -> None:
    rows = [f"{image},{label},{int(label == 'cat')}" for image, label in LABELS.items()]
    assert read_labels(open_lines(tmp_path, ["pic,class_name_1,class_id", *rows])) == LABELS


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (
            ["pic,when", *(f"{image},2024-05-0{row % 3}" for row, image in enumerate(LABELS))],
            "looks like labels",
        ),
        (["pic,width", *(f"{image},{row}.5" for row, image in enumerate(LABELS))], "looks like labels"),
        (["pic,salt,fat", *(f"{image},S,N" for image in LABELS)], "looks like labels"),
        (["a,b", *(f"z{row},{row % 2}" for row in range(6))], "names images that exist"),
    ],
)
def test_a_table_that_holds_no_labels_is_not_passed_over(tmp_path: Path, lines: list[str], note: str) -> None:
    data = open_lines(tmp_path, lines)
    assert data.task is None
    assert sum(note in each and "t.csv" in each for each in data.notes) == 1


def test_two_tables_of_labels_are_a_question(tmp_path: Path) -> None:
    lines = ["pic,kind", *(f"{image},{label}" for image, label in LABELS.items())]
    (tmp_path / "other.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(PupilaError, match=r"--labels"):
        open_lines(tmp_path, lines)


@pytest.mark.parametrize("header", ["image,label,label", "label,image,label"])
def test_two_columns_of_labels_with_one_name_are_refused(tmp_path: Path, header: str) -> None:
    rows = [f"{image},{label},{row % 2}" for row, (image, label) in enumerate(sorted(LABELS.items()))]
    if header.startswith("label"):
        rows = [",".join([row.split(",")[1], row.split(",")[0], "x"]) for row in rows]
    with pytest.raises(PupilaError, match="have the name label"):
        open_lines(tmp_path, [header, *rows])


def test_repeated_names_of_other_columns_are_reported(tmp_path: Path) -> None:
    rows = [f"{image},{label},{label},1,2" for image, label in LABELS.items()]
    data = open_lines(tmp_path, ["image,label,label,note,note", *rows])
    assert read_labels(data) == LABELS
    (note,) = [note for note in data.notes if "several columns have one name" in note]
    assert "label_duplicated_0 = label, note_duplicated_0 = note" in note


def _write_patients(folder: Path, columns: dict[str, list[Any]]) -> None:
    """Twelve photos in `data/imagenes`, and a JSON table beside that folder."""
    for number in range(12):
        write_photo(folder / "data/imagenes" / f"p{number:02d}.jpg", number)
    rows = [
        {
            "archivo": f"C:\\fotos\\p{number:02d}.jpg",
            **{name: cells[number] for name, cells in columns.items()},
        }
        for number in range(12)
    ]
    (folder / "data/anotaciones.json").write_text(json.dumps(rows))


def test_a_table_lies_around_the_images_in_a_wrapper(tmp_path: Path) -> None:
    _write_patients(tmp_path, {"diagnóstico": [0, 1] * 6, "pliegue": [0, 1, 2, 3] * 3})
    (tmp_path / "data/classes.txt").write_text("sano\ntumor\n")
    (tmp_path / "README.md").write_text("# fotos")
    write_photo(tmp_path / "docs/captura.jpg", 99)
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"sano": 6, "tumor": 6}
    assert "The column pliegue numbers 4 folds" in str(data)
    assert "1 image is in no row of a table and is left out: docs." in data.notes


@pytest.mark.parametrize("other", [[0, 1, 2] * 4, ["norte", "sur", "este"] * 4])
def test_a_column_of_0_and_1_beside_another_that_may_be_the_label_is_a_question(
    tmp_path: Path, other: list[Any]
) -> None:
    _write_patients(tmp_path, {"lesion": [0, 1] * 6, "lugar": other})
    with pytest.raises(PupilaError, match="may hold the labels") as fault:
        pupila.open(tmp_path)
    assert {"lesion", "lugar"} <= set(re.findall(r"\w+", fault.value.actual))
