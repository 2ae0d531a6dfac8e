"""Tables with one column per class: which columns are classes, and what their cells mean."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.reading import TaskChoice
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
    (" S\u00ed ", "No"),
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
