"""Several labels in one cell: what separates them, what is a list, and what stays one class."""

import json
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labelling.listed import find_listed_labels, find_separator
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.reading import TaskChoice
from pupila.core.errors import PupilaError
from tests.pictures import write_photo


def open_labels(folder: Path, cells: list[object], task: TaskChoice = "auto", suffix: str = "csv") -> Dataset:
    """The data set of one image per cell, `a.jpg`, `b.jpg`, ..."""
    images = [f"{chr(97 + number)}.jpg" for number in range(len(cells))]
    for number, image in enumerate(images):
        write_photo(folder / image, number)
    frame = pl.DataFrame({"image": images, "label": cells})
    table = folder / f"t.{suffix}"
    if suffix == "csv":
        frame.write_csv(table)
    elif suffix == "parquet":
        frame.write_parquet(table)
    else:
        frame.write_ndjson(table)
    return pupila.open(folder, task=task)


@pytest.mark.parametrize("separator", ["|", "; ", ", "])
def test_parts_that_recur_are_labels(tmp_path: Path, separator: str) -> None:
    data = open_labels(tmp_path, [f"sugar{separator}salt", "salt", f"fat{separator}sugar", None])
    assert data.classes == ["fat", "salt", "sugar"]
    assert data.label_matrix.tolist() == [[0, 1, 1], [0, 1, 0], [1, 0, 1], [-1, -1, -1]]
    assert f'separated by "{separator.strip()}"' in str(data)
    assert "--task classify reads each cell as one class" in str(data)
    whole = pupila.open(tmp_path, task="classify")
    assert whole.classes == sorted([f"sugar{separator}salt", "salt", f"fat{separator}sugar"])


@pytest.mark.parametrize("cells", [
    ["Apple, red", "Apple, green"],
    ["Apple, red", "Apple, green", "Pear, red", "Pear, green", "Banana"],
    ["Tomato", "Tomato, cherry"],
    ["Hamburger; cheese", "Salad"],
])  # fmt: skip
def test_names_with_a_separator_stay_names(tmp_path: Path, cells: list[object]) -> None:
    data = open_labels(tmp_path, cells)
    assert data.target == "class"
    assert data.classes == sorted(map(str, cells))
    assert "Each cell is read as one class; --task multilabel reads several" in str(data)


def test_a_bar_separates_where_the_user_says_so(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["a|b", "c"], "multilabel")
    assert data.label_matrix.tolist() == [[1, 1, 0], [0, 0, 1]]


def test_a_comma_in_a_name_stays_where_the_user_says_so(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["Apple, red", "Banana"], "multilabel")
    assert data.classes == ["Apple, red", "Banana"]
    assert 'A "|" always separates' in str(data)


def test_blanks_separate_only_where_the_user_says_so() -> None:
    cells = ["haze primary", "clear primary", "primary", "clear haze"]
    assert find_separator(cells, requested=False) is None
    assert find_separator(cells, requested=True) == " "


@pytest.mark.parametrize(("cell", "names"), [
    ('["a", "b"]', {"a", "b"}), ("['a', 'b']", {"a", "b"}), ("['a' 'b']", {"a", "b"}), ("[]", set()),
    ("('a',)", {"a"}), ("{'b'}", {"b"}), ("[1, 2]", {"1", "2"}), ('["Apple, red"]', {"Apple, red"}),
])  # fmt: skip
def test_a_list_in_json_or_python(cell: str, names: set[str]) -> None:
    labels = find_listed_labels([cell, '["a"]'], None)
    assert labels is not None
    assert labels.rows[0] is not None
    assert {name for name, shown in labels.rows[0].items() if shown} == names


def test_a_cell_that_says_none_has_no_class(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["a|b", "none", "b"])
    assert data.label_matrix.tolist() == [[1, 1], [0, 0], [0, 1]]
    assert '"none" (1 image) means none of the classes' in str(data)
    (other := tmp_path / "other").mkdir()
    assert '"nothing" (2 images) means' in str(open_labels(other, ["a|b", "none", "nothing", "b", "nothing"]))


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_columns_of_lists(tmp_path: Path, suffix: str) -> None:
    data = open_labels(tmp_path, [["a", "b"], [], ["b"], None], suffix=suffix)
    assert data.label_matrix.tolist() == [[1, 1], [0, 0], [0, 1], [-1, -1]]


def test_lists_in_other_columns_are_left_out(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    pl.DataFrame({"image": ["a.jpg"], "label": [["a", "b"]], "box": [[1, 2]]}).write_parquet(
        tmp_path / "t.parquet"
    )
    data = pupila.open(tmp_path)
    assert (data.classes, data.own_columns) == (["a", "b"], [])


def test_lists_of_one_are_one_class_per_image(tmp_path: Path) -> None:
    data = open_labels(tmp_path, [["a"], ["b"]], suffix="parquet")
    assert data.images["target"].to_list() == ["a", "b"]
    assert "--task multilabel" in str(data)


def test_records_say_what_is_unknown(tmp_path: Path) -> None:
    cells = [{"a": 1, "b": 0}, {"a": None, "b": 1}]
    assert open_labels(tmp_path, cells, suffix="jsonl").label_matrix.tolist() == [[1, 0], [-1, 1]]


def test_several_labels_are_not_read_as_one(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="shows none or several of the classes a, b"):
        open_labels(tmp_path, [["a", "b"], ["b"]], "classify", "parquet")


def test_several_rows_of_an_image_are_united_where_the_user_says_so(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        write_photo(tmp_path / f"{name}.jpg", number)
    lines = ["image,label,shop", "a.jpg,sugar,x", "a.jpg,salt,y", "b.jpg,salt,x", "c.jpg,,x"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["sugar", "salt", None]
    assert data.skipped["code"].to_list() == ["conflicting-rows"]
    assert "the first one counts; --task multilabel unites them" in str(data)
    several = pupila.open(tmp_path, task="multilabel")
    assert several.label_matrix.tolist() == [[1, 1], [1, 0], [-1, -1]]
    assert several.images["shop"].to_list() == ["x", "x", "x"]
    assert several.skipped.is_empty()
    assert "1 image has several rows; their labels are united." in str(several)


def test_rows_that_contradict_each_other_are_unknown_there(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)
    lines = ["image,salt,sugar", "a.jpg,1,1", "a.jpg,0,1", "a.jpg,,1", "b.jpg,0,0"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(tmp_path)
    assert data.label_matrix.tolist() == [[-1, 1], [0, 0]]
    reason = "its rows contradict each other: salt; unknown there"
    assert data.skipped.rows() == [("a.jpg", "conflicting-rows", reason)]


def test_rows_of_one_hot_cells_are_added_up(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    write_photo(tmp_path / "b.jpg", 2)
    (tmp_path / "t.csv").write_text("image,salt,sugar\na.jpg,1,0\na.jpg,0,1\nb.jpg,0,1\n")
    assert pupila.open(tmp_path, task="multilabel").label_matrix.tolist() == [[1, 1], [0, 1]]


def test_a_text_of_labels_is_a_label(tmp_path: Path) -> None:
    cells: list[object] = [json.dumps({"a": 1, "b": 0}), json.dumps({"b": 1})]
    data = open_labels(tmp_path, cells)
    assert data.label_matrix.tolist() == [[1, 0], [-1, 1]]
    assert "a class that a cell does not name is unknown" in str(data)


def test_a_text_that_names_no_class_is_no_label(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ['{"a": 1, "b": 1}', "{}"])
    assert (data.classes, data.images["target"][1]) == (["a", "b"], None)
