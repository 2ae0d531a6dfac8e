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
])  # fmt: skip
def test_names_with_a_separator_stay_names(tmp_path: Path, cells: list[object]) -> None:
    data = open_labels(tmp_path, cells)
    assert data.target == "class"
    assert data.classes == sorted(map(str, cells))
    assert "reads several" not in str(data)
    assert 'write "|" instead: with --task multilabel a bar always separates.' in str(data)
    assert pupila.open(tmp_path, task="multilabel").classes == data.classes


def test_what_the_task_would_separate_is_promised(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["Hamburger; cheese", "Salad"])
    assert (data.target, data.classes) == ("class", ["Hamburger; cheese", "Salad"])
    assert "Each cell is read as one class; --task multilabel reads several" in str(data)
    assert pupila.open(tmp_path, task="multilabel").classes == ["Hamburger", "Salad", "cheese"]


def test_a_bar_separates_where_the_user_says_so(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["a|b", "c"], "multilabel")
    assert data.label_matrix.tolist() == [[1, 1, 0], [0, 0, 1]]


def test_a_comma_in_a_name_stays_where_the_user_says_so(tmp_path: Path) -> None:
    data = open_labels(tmp_path, ["Apple, red", "Banana"], "multilabel")
    assert data.classes == ["Apple, red", "Banana"]
    assert 'A "|" always separates' in str(data)


@pytest.mark.parametrize("cells", [
    ["16 0", "0", "7 16", "7"],  # a protein in several places of a cell
    ["0 1 2", "2", "1 0"],
    ["scab", "rust", "scab rust", "rust complex", "complex"],
])  # fmt: skip
def test_codes_and_lone_names_between_blanks_are_labels(tmp_path: Path, cells: list[object]) -> None:
    data = open_labels(tmp_path, cells)
    parts = [str(cell).split() for cell in cells]
    assert data.target == "classes"
    assert data.classes == sorted({name for names in parts for name in names})
    assert data.label_matrix.sum(axis=1).tolist() == [len(names) for names in parts]
    assert 'separated by " "' in str(data)
    assert pupila.open(tmp_path, task="classify").classes == sorted(map(str, cells))


@pytest.mark.parametrize("cells", [
    ["12 40", "13 40", "12 41"],  # places
    ["1 0", "0 1"],  # one column for each class, in one cell
    ["1 0 0", "0 1 0", "1"],
    ["sea", "lion", "sea lion"],
    ["hot dog", "dog", "hot pot"],
])  # fmt: skip
def test_other_cells_with_blanks_are_one_class_each(tmp_path: Path, cells: list[object]) -> None:
    assert open_labels(tmp_path, cells).classes == sorted(map(str, cells))


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


@pytest.mark.parametrize("task", ["auto", "multilabel"])
def test_an_empty_list_among_names_with_a_separator_has_no_class(tmp_path: Path, task: TaskChoice) -> None:
    data = open_labels(tmp_path, ["a|b", "[]", "b"], task)
    assert data.label_matrix.tolist() == [[1, 1], [0, 0], [0, 1]]


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


GOOD = [json.dumps(["salt", "fat"]), json.dumps(["fat"])]


@pytest.mark.parametrize("cell", ["nan", "?", "Unknown", "N/A", " null "])
@pytest.mark.parametrize(
    "good", [["salt|fat", "fat"], GOOD, ['{"salt": 1, "fat": 1}', '{"salt": 0, "fat": 1}']]
)
def test_a_word_for_unknown_is_no_label(tmp_path: Path, good: list[object], cell: str) -> None:
    data = open_labels(tmp_path, [*good, cell], "multilabel")
    assert data.label_matrix.tolist() == [[1, 1], [1, 0], [-1, -1]]
    assert data.classes == ["fat", "salt"]
    assert f'"{cell.strip()}" (1 image) says nothing: no label.' in str(data)
    assert data.skipped.is_empty()


@pytest.mark.parametrize(("good", "cell", "reason"), [
    (["salt|fat", "fat"], "salt|nan", '"nan" is not a class'),
    (["salt|fat", "fat"], "unknown | salt", '"unknown" is not a class'),
    (GOOD, "['salt', nan]", '"nan" is not a class'),
    (GOOD, '["salt", "?"]', '"?" is not a class'),
    (GOOD, '["salt", null]', '"None" is not a class'),
    (GOOD, '["salt", ["fat"]]', "a list in a list"),
    (GOOD, '["salt"', '["salt" is not a list'),
    (GOOD, "salt|sugar", "salt|sugar is not a list"),
    (GOOD, '{"salt": 1, "fat": 0.9}', "fat: 0.9 is neither present nor absent nor unknown"),
    (GOOD, '{"salt": {"a": 1}}', "salt: {'a': 1} is neither present nor absent nor unknown"),
])  # fmt: skip
def test_a_cell_that_can_not_be_read_is_named_and_no_label(
    tmp_path: Path, good: list[object], cell: str, reason: str
) -> None:
    data = open_labels(tmp_path, [*good, cell])
    assert data.label_matrix.tolist() == [[1, 1], [1, 0], [-1, -1]]
    assert data.skipped.rows() == [("c.jpg", "unreadable-label", reason)]
    assert f"1 label can't be read and counts as none: {reason}." in str(data)


@pytest.mark.parametrize("cell", ["salt|fat", "set()"])
def test_other_ways_to_write_a_list_between_lists(tmp_path: Path, cell: str) -> None:
    data = open_labels(tmp_path, [*GOOD, cell])
    assert data.label_matrix.tolist()[2] == ([0, 0] if cell == "set()" else [1, 1])
    assert data.skipped.is_empty()


@pytest.mark.parametrize("cell", ['{"salt": 1, "fat": -1}', '{"salt": 1.0, "fat": NaN}', "{'salt': True, 'fat': nan}",
                                  '{"salt": "yes", "fat": "?"}', '{"salt": 1, "fat": "nan"}'])  # fmt: skip
def test_a_record_says_unknown_as_columns_do(tmp_path: Path, cell: str) -> None:
    data = open_labels(tmp_path, ['{"salt": 1, "fat": 1}', '{"salt": 0, "fat": 0}', cell, "{}"])
    assert data.label_matrix.tolist() == [[1, 1], [0, 0], [-1, 1], [-1, -1]]
    assert data.skipped.is_empty()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_lists_of_0_and_1_are_refused(tmp_path: Path, suffix: str) -> None:
    cells: list[object] = [[1, 0, 1], [0, 0, 1], [0, 0, 0]]
    with pytest.raises(PupilaError, match=r"(?s)leaves open which class is which.*found \[1, 0, 1\]"):
        open_labels(tmp_path, [str(cell) for cell in cells] if suffix == "csv" else cells, suffix=suffix)


def test_several_rows_of_which_one_can_not_be_read_are_no_label(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        write_photo(tmp_path / f"{name}.jpg", number)
    lines = ["image;label", "a.jpg;['salt']", "a.jpg;['fat', nan]", "b.jpg;['salt', 'fat']"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = pupila.open(tmp_path, task="multilabel")
    assert data.label_matrix.tolist() == [[-1, -1], [1, 1]]
    assert data.skipped["code"].to_list() == ["unreadable-label"]


@pytest.mark.parametrize("mark", ["+", "/", "&", " & ", "-"])
def test_names_that_are_joined_otherwise_are_named(tmp_path: Path, mark: str) -> None:
    data = open_labels(tmp_path, [f"salt{mark}fat", "salt", "fat", "ice-cold"], "multilabel")
    assert data.classes == sorted([f"salt{mark}fat", "salt", "fat", "ice-cold"])
    assert f'join names by "{mark.strip()}" (salt{mark}fat), which does not separate them' in str(data)


def test_separators_at_the_end_are_ignored_and_mixed_ones_are_named(tmp_path: Path) -> None:
    assert open_labels(tmp_path, ["salt|", "fat;", "fat"], "multilabel").classes == ["fat", "salt"]
    (other := tmp_path / "other").mkdir()
    data = open_labels(other, ["salt;fat|sugar", "sugar|", "fat"], "multilabel")
    assert data.classes == ["fat", "salt;fat", "sugar"]
    assert 'join names by ";" (salt;fat), which does not separate them' in str(data)


def test_columns_of_classes_beside_a_column_of_labels_are_named(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        write_photo(tmp_path / f"{name}.jpg", number)
    (tmp_path / "t.csv").write_text("image,label,salt,fat\na.jpg,pack|old,1,0\nb.jpg,box|old,1,1\n")
    text = "The column of labels counts; columns of yes and no stay yours: salt, fat."
    assert text in str(pupila.open(tmp_path, task="multilabel"))
    assert text not in str(
        pupila.open(tmp_path, task="auto")
    )  # then a label is one class, and the rest not about it


def test_a_list_of_numbers_beside_a_record_is_no_list_of_places(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="Some labels are lists, and others are records"):
        open_labels(tmp_path, ['{"b": 1}', "[1]", "a"])
