"""Tables with one column per class: which columns are classes, and what their cells mean."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.reading import TaskChoice
from pupila.artifacts.dataset.targets import TARGETS
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def open_table(folder: Path, text: str, task: TaskChoice = "auto", name: str = "labels.csv") -> Dataset:
    """The data set of a table whose images `a.jpg`, `b.jpg`, ... are made."""
    lines = text.strip().splitlines()
    for number, line in enumerate(lines[1:]):
        write_photo(folder / line.partition(",")[0], number)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return pupila.open(folder, task=task)


@pytest.mark.parametrize(("present", "absent"), [
    ("1", "0"), ("1.0", "0.0"), ("true", "False"), ("YES", "no"), ("y", "N"), ("t", "f"), ("si", "no"),
    (" S\u00ed ", "No"), ("VERDADERO", "Falso"), ("1.00", "0.00"), ("present", "absent"), ("Presente", "ausente"),
])  # fmt: skip
def test_the_words_of_a_cell(tmp_path: Path, present: str, absent: str) -> None:
    data = open_table(
        tmp_path, f"image,salt,sugar\na.jpg,{present},{absent}\nb.jpg,{present},{present}\nc.jpg,,"
    )
    assert data.classes == ["salt", "sugar"]
    assert data.label_matrix.tolist() == [[1, 0], [1, 1], [-1, -1]]
    assert data.images["target"].to_list() == ['{"salt": 1, "sugar": 0}', '{"salt": 1, "sugar": 1}', None]
    assert "Task: multilabel, 2 classes (salt 2, sugar 1)." in str(data)
    assert "2 columns say whether an image shows a class: salt, sugar." in str(data)
    assert "2 of 6 cells are empty" in str(data)


def test_columns_that_exclude_each_other_are_one_class_per_image(tmp_path: Path) -> None:
    table = "image,MEL,NV,BKL\nISIC_1.jpg,1.0,0.0,0.0\nISIC_2.jpg,0.0,1.0,0.0\nISIC_3.jpg,0.0,1.0,0.0"
    data = open_table(tmp_path, table)
    assert data.target == "class"
    assert data.class_counts() == {"MEL": 1, "NV": 2}
    assert "--task multilabel reads every class by itself" in str(data)
    several = pupila.open(tmp_path, task="multilabel")
    assert several.target == "classes"
    assert several.class_counts() == {"BKL": 0, "MEL": 1, "NV": 2}


def test_several_labels_are_no_classes_of_a_classification(tmp_path: Path) -> None:
    with pytest.raises(
        PupilaError, match=r"1 image \(a.jpg\) shows none or several of the classes salt, sugar"
    ):
        open_table(tmp_path, "image,salt,sugar\na.jpg,1,1\nb.jpg,1,0", "classify")


def test_classes_are_no_masks(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match=r"not for the task segment: found a table \(labels.csv\)"):
        open_table(tmp_path, "image,salt,sugar\na.jpg,1,1\nb.jpg,1,0", "segment")


def test_names_without_a_suffix_and_images_in_another_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        write_photo(tmp_path / f"ISIC_Input/ISIC_{number}.jpg", number)
    (tmp_path / "ISIC_GroundTruth.csv").write_text("image,MEL,NV\nISIC_1,1.0,1.0\nISIC_2,0.0,1.0\n")
    (tmp_path / "ISIC_Metadata.csv").write_text("image,age,sex\nISIC_1,40,male\nISIC_2,,female\n")
    assert pupila.open(tmp_path).label_matrix.tolist() == [[1, 1], [0, 1]]


def test_the_classes_of_roboflow_in_each_split(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "valid", "test")):
        write_photo(tmp_path / split / "a.jpg", number)
        (tmp_path / split / "_classes.csv").write_text(f"filename, car, road\na.jpg, {int(number > 0)}, 1\n")
    data = pupila.open(tmp_path)
    assert data.images.select("image", "given_split").rows() == [
        ("test/a.jpg", "test"), ("train/a.jpg", "train"), ("valid/a.jpg", "validation"),
    ]  # fmt: skip
    assert data.label_matrix.tolist() == [[1, 1], [0, 1], [1, 1]]


def test_minus_one_is_uncertain_where_zero_is_absent(tmp_path: Path) -> None:
    data = open_table(
        tmp_path, "Path,Sex,Edema,Cardiomegaly\na.jpg,F,1.0,-1.0\nb.jpg,M,,0.0\nc.jpg,F,0.0,1.0"
    )
    assert data.classes == ["Cardiomegaly", "Edema"]
    assert data.label_matrix.tolist() == [[-1, 1], [0, -1], [1, 0]]
    assert "1 cell is -1, which means uncertain: the class is unknown there." in str(data)
    assert "1 of 6 cells are empty or say nothing" in str(data)
    assert "Other columns stay yours: Sex." in str(data)
    assert data.own_columns == ["Sex"]


def test_minus_one_is_absent_where_there_is_no_zero(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image_id,Bald,Smiling\na.jpg,-1,1\nb.jpg,1,1\nc.jpg,-1,-1")
    assert data.label_matrix.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert "-1 means absent" in str(data)


def test_a_column_with_odd_cells_is_named_and_stays_a_column(tmp_path: Path) -> None:
    lines = [f"{chr(97 + row)}.jpg,1,{'maybe' if row == 0 else row % 2},1,{row}" for row in range(8)]
    data = open_table(tmp_path, "\n".join(["image,salt,sugar,fat,price", *lines]))
    assert data.classes == ["fat", "salt"]
    assert data.own_columns == ["sugar", "price"]
    assert (
        'The column sugar is not a class: "maybe" is neither yes nor no. It stays a column of yours.'
        in str(data)
    )


def test_minus_one_is_absent_beside_other_columns_and_empty_cells(tmp_path: Path) -> None:
    data = open_table(
        tmp_path, "image_id,Bald,Smiling,hat,wig\na.jpg,-1,1,yes,0\nb.jpg,1,,no,1\nc.jpg,-1,-1,no,0"
    )
    assert data.classes == ["Bald", "Smiling", "hat", "wig"]
    assert data.label_matrix.tolist() == [[0, 1, 1, 0], [1, -1, 0, 1], [0, 0, 0, 0]]
    assert "The cells of Bald, Smiling are 1 or -1, without 0: -1 means absent." in str(data)
    assert "1 of 12 cells are empty or say nothing" in str(data)


def test_minus_one_is_uncertain_in_all_columns_where_one_has_zero_as_well(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,Edema,Fracture\na.jpg,1,-1\nb.jpg,0,1\nc.jpg,-1,1")
    assert data.label_matrix.tolist() == [[1, -1], [0, 1], [-1, 1]]


@pytest.mark.parametrize("name", [
    "reviewed", "checked", "valid", "is_val", "val", "test", "Train", "verified", "approved", "patient", "patient_id",
])  # fmt: skip
@pytest.mark.parametrize("task", ["auto", "multilabel"])
def test_a_column_named_like_no_class_stays_the_users_own(
    tmp_path: Path, name: str, task: TaskChoice
) -> None:
    data = open_table(tmp_path, f"image,{name},salt,fat\na.jpg,1,1,1\nb.jpg,0,0,1", task)
    assert (data.classes, data.own_columns) == (["fat", "salt"], [name])
    assert f"By their names these columns of yes and no are no classes and stay yours: {name}." in str(data)


def test_one_column_alone_is_a_class_only_where_several_labels_are_asked_for(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,salt,split\na.jpg,1,train\nb.jpg,0,test")
    assert data.classes == []
    assert (
        "labels.csv has one column of yes and no (salt), which may be about anything and is not read."
        in str(data)
    )
    alone = pupila.open(tmp_path / "labels.csv")
    assert alone.classes == []
    assert "The column salt says yes or no, which may be about anything: it stays a column of yours." in str(
        alone
    )
    for path in (tmp_path, tmp_path / "labels.csv"):
        assert pupila.open(path, task="multilabel").label_matrix.tolist() == [[1], [0]]


def test_one_odd_cell_does_not_hide_the_other_column(tmp_path: Path) -> None:
    lines = [f"{chr(97 + row)}.jpg,{'maybe' if row == 0 else row % 2},{row % 2}" for row in range(6)]
    data = open_table(tmp_path, "\n".join(["image,salt,fat", *lines]))
    assert data.classes == ["fat"]
    assert 'The column salt is not a class: "maybe" is neither yes nor no.' in str(data)


@pytest.mark.parametrize("mark", ["x", "X", "\u2713", "*"])
def test_a_mark_or_nothing_in_several_columns_is_a_class_for_each(tmp_path: Path, mark: str) -> None:
    text = f"image,salt,fat\na.jpg,{mark},\nb.jpg,,{mark}\nc.jpg,{mark},{mark}"
    data = open_table(tmp_path, text)
    assert (data.classes, data.label_matrix.tolist()) == (["fat", "salt"], [[0, 1], [1, 0], [1, 1]])
    assert f'In salt, fat "{mark.lower()}" means present and an empty cell absent.' in str(data)


def test_one_column_of_marks_is_a_class_only_where_several_labels_are_asked_for(tmp_path: Path) -> None:
    text = "image,salt\na.jpg,x\nb.jpg,\nc.jpg,x"
    assert open_table(tmp_path, text).classes == []
    assert open_table(tmp_path, text, "multilabel").label_matrix.tolist() == [[1], [0], [1]]


@pytest.mark.parametrize("mark", ["?", "m", "7"])
def test_a_letter_a_digit_or_a_question_is_no_mark(tmp_path: Path, mark: str) -> None:
    text = f"image,salt,fat\na.jpg,{mark},\nb.jpg,,{mark}\nc.jpg,{mark},{mark}"
    assert open_table(tmp_path, text).classes == []


@pytest.mark.parametrize("name", ["labels.csv", ""])
def test_columns_in_unknown_words_are_refused_where_several_labels_are_asked_for(
    tmp_path: Path, name: str
) -> None:
    text = "image,salt,fat\na.jpg,ja,nein\nb.jpg,nein,nein\nc.jpg,ja,ja"
    assert open_table(tmp_path, text).classes == []
    with pytest.raises(
        PupilaError, match=r'No column can be read as labels: found salt \("ja", "nein"\), fat'
    ):
        pupila.open(tmp_path / name, task="multilabel")


def test_unlabelled_images_may_have_several_labels_to_come(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,store,price\na.jpg,A,1\nb.jpg,B,2\nc.jpg,C,3", "multilabel")
    assert data.classes == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)
    text = "image\tsal\taz\u00facar\na.jpg\tVERDADERO\tFALSO\nb.jpg\tVERDADERO\tVERDADERO\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert pupila.open(tmp_path).class_counts() == {"az\u00facar": 1, "sal": 2}


def test_a_class_without_a_known_cell_is_none(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,salt,sugar,fat\na.jpg,1,,1\nb.jpg,0,,1")
    assert data.classes == ["fat", "salt"]
    assert data.own_columns == ["sugar"]


def test_columns_beside_a_label_stay_the_users_own(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,label,front,clean\na.jpg,cat,1,0\nb.jpg,dog,1,1")
    assert (data.classes, data.own_columns) == (["cat", "dog"], ["front", "clean"])
    assert data.notes == [
        "The labels are in the column label; the columns of yes and no stay yours: front, clean. --task multilabel "
        "reads them as the classes."
    ]


PATHS = {"below the folder": "{}", "bare": "", "below another folder": "data/{}", "absolute": "/home/{}"}


@pytest.mark.parametrize("prefix", PATHS)
@pytest.mark.parametrize("rows", [slice(None), slice(1)])
def test_folders_of_classes_win_over_columns(tmp_path: Path, prefix: str, rows: slice) -> None:
    write_photo(tmp_path / "cat/a.jpg", 1)
    write_photo(tmp_path / "dog/b.jpg", 2)
    paths = [PATHS[prefix].format(path) or path[-5:] for path in ("cat/a.jpg", "dog/b.jpg")][rows]
    lines = [f"{path},1,1" for path in paths]
    (tmp_path / "t.csv").write_text("\n".join(["image,front,clean", *lines]) + "\n")
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"cat": 1, "dog": 1}
    assert "t.csv has columns of yes and no (front, clean), which are not read." in str(data)
    assert "open the table itself, or use --task multilabel" in str(data)
    assert pupila.open(tmp_path / "t.csv").classes == ["clean", "front"]
    assert pupila.open(tmp_path, task="multilabel").classes == ["clean", "front"]


def write_outlines(folder: Path) -> None:
    (folder / "labels").mkdir(parents=True)
    (folder / "labels/a.txt").write_text("0 .1 .1 .5 .1 .5 .5\n")
    (folder / "data.yaml").write_text("names: [leaf]\ntrain: images\n")


def write_annotations(folder: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "images/a.jpg"}], "categories": [{"id": 1, "name": "leaf"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
    }  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(document))


def write_mask(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 48)[None].repeat(72, axis=0)).save(path)


MASKS = {
    "masks": lambda folder: write_mask(folder / "masks/a.png"),
    "masks beside them": lambda folder: write_mask(folder / "images/a_mask.png"),
    "YOLO": write_outlines,
    "COCO": write_annotations,
}


@pytest.mark.parametrize("layout", MASKS)
@pytest.mark.parametrize("table", ["t.csv", "metadata.csv"])
def test_masks_win_over_columns(tmp_path: Path, layout: str, table: str) -> None:
    write_photo(tmp_path / "images/a.jpg", 1)
    MASKS[layout](tmp_path)
    (tmp_path / table).write_text("image,night,rainy\nimages/a.jpg,1,1\n")
    data = pupila.open(tmp_path)
    assert data.target == "mask"
    assert f"{table} has columns of yes and no (night, rainy), which are not read." in str(data)
    assert pupila.open(tmp_path, task="multilabel").classes == ["night", "rainy"]


@pytest.mark.parametrize("folder", ["", "images/", "photos/", "train/", "inner/images/"])
def test_columns_are_read_where_nothing_else_has_labels(tmp_path: Path, folder: str) -> None:
    write_photo(tmp_path / folder / "a.jpg", 1)
    write_photo(tmp_path / folder / "b.jpg", 2)
    (tmp_path / "t.csv").write_text("image,salt,fat\na.jpg,1,1\nb.jpg,0,1\n")
    data = pupila.open(tmp_path)
    assert data.label_matrix.tolist() == [[1, 1], [1, 0]]
    assert "not read" not in str(data)


def test_numbers_of_folds_and_rows_are_no_classes(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,fold,salt,fat\na.jpg,0,1,1\nb.jpg,1,0,1")
    assert (data.classes, data.own_columns) == (["fat", "salt"], ["fold"])


def test_every_task_with_targets_of_its_own_can_be_named() -> None:
    assert set(get_args(TaskChoice)) == {"auto", *(reader.task.name for reader in TARGETS.values())}


def test_a_column_without_a_role_costs_two_queries_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[int] = []
    lazy = pl.DataFrame.lazy  # by which each query begins, those of a column among them

    def count(frame: pl.DataFrame) -> pl.LazyFrame:
        queries.append(1)
        return lazy(frame)

    monkeypatch.setattr(pl.DataFrame, "lazy", count)
    used = []
    for columns in (10, 300):
        names = [f"measure{number}" for number in range(columns)]
        text = ",".join(["image", "label", *names]) + "\na.jpg,cat" + ",0.5" * columns + "\n"
        (folder := tmp_path / str(columns)).mkdir()
        queries.clear()
        assert open_table(folder, text).classes == ["cat"]
        used.append(len(queries))
    assert 0 < used[1] - used[0] <= 2 * 290
