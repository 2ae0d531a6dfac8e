"""Tables with a column of labels and others that may be labels as well; and lines that don't fit their header."""

from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from tests.artifacts.dataset.test_class_columns import open_table


@pytest.mark.parametrize("name", ["class", "label", "category"])
@pytest.mark.parametrize("cells", [("pack", "pack"), ("pack", "box")])
def test_columns_are_the_classes_where_several_labels_are_asked_for(
    tmp_path: Path, name: str, cells: tuple[str, str]
) -> None:
    data = open_table(
        tmp_path, f"image,{name},salt,fat\na.jpg,{cells[0]},1,1\nb.jpg,{cells[1]},0,1", "multilabel"
    )
    assert data.classes == ["fat", "salt"]
    assert data.own_columns == [name]
    assert f"The columns salt, fat say yes or no and are the classes; the column {name} stays yours." in str(
        data
    )


@pytest.mark.parametrize("name", ["label", "tags", "category"])
def test_a_class_with_a_word_for_labels_is_a_class_like_the_others(tmp_path: Path, name: str) -> None:
    data = open_table(tmp_path, f"image,salt,{name}\na.jpg,1,1\nb.jpg,0,1", "multilabel")
    assert data.classes == sorted([name, "salt"])
    assert data.label_matrix.sum() == 3
    assert f"The column {name} says yes or no like salt: it is a class, too." in str(data)


def test_the_column_whose_cells_hold_several_labels_counts(tmp_path: Path) -> None:
    data = open_table(
        tmp_path, "image,label,tags\na.jpg,pack,salt|fat\nb.jpg,box,salt\nc.jpg,box,fat", "multilabel"
    )
    assert data.label_matrix.tolist() == [[1, 1], [0, 1], [1, 0]]
    assert "The labels are in the column tags, not in label." in str(data)


def test_several_labels_in_the_column_of_labels_win_over_columns(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,label,front,clean\na.jpg,salt|fat,1,1\nb.jpg,salt,0,1", "multilabel")
    assert data.classes == ["fat", "salt"]
    assert "The column of labels counts; columns of yes and no stay yours: front, clean." in str(data)


def open_long(folder: Path, header: str, *lines: str) -> Dataset:
    return open_table(folder, "\n".join([header, *lines]), "multilabel")


@pytest.mark.parametrize("header", ["image,class,present", "image,label,Confidence", "image,class,value",
                                    "image,class,label", "image,class,is_present"])  # fmt: skip
@pytest.mark.parametrize(("present", "absent"), [("1", "0"), ("yes", "no"), ("1.0", "0.0"), ("1", "-1")])
def test_a_column_that_says_whether_the_class_is_present(
    tmp_path: Path, header: str, present: str, absent: str
) -> None:
    data = open_long(
        tmp_path, header, f"a.jpg,salt,{absent}", f"a.jpg,fat,{present}", f"b.jpg,salt,{present}"
    )
    assert data.label_matrix.tolist() == [[1, 0], [-1, 1]]
    assert "says whether the image shows the class in" in str(data)


def test_present_is_read_where_nothing_is_asked_for(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,class,present\na.jpg,salt,0\na.jpg,fat,1\nb.jpg,salt,1\nb.jpg,fat,1")
    assert data.label_matrix.tolist() == [[1, 0], [1, 1]]


def test_a_degree_of_presence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PupilaError, match=r'(?s)class in label is present: found "0.7" in the column confidence'
    ):
        open_long(tmp_path, "image,label,confidence", "a.jpg,salt,0", "a.jpg,fat,0.7", "b.jpg,salt,1")


def test_names_beyond_the_column_of_labels_are_refused(tmp_path: Path) -> None:
    for text in ("image,labels\na.jpg,salt,fat\nb.jpg,fat", "image,note,label\na.jpg,big, red,salt\nb.jpg,small,fat",
                 "image,salt,fat\na.jpg,1,1,1\nb.jpg,0,1"):  # fmt: skip
        with pytest.raises(
            PupilaError, match=r"labels.csv: found 1 line has more cells than the header \(line 2\)"
        ):
            open_table(tmp_path, text)


def test_surplus_cells_beyond_another_column_are_counted(tmp_path: Path) -> None:
    data = open_table(tmp_path, "image,label,note\na.jpg,salt,big, red\nb.jpg,fat,small\nc.jpg,fat,a,,")
    assert data.classes == ["fat", "salt"]
    assert "labels.csv: 1 line has more cells than the header (line 2); the surplus is not read." in str(data)


def test_quotes_in_the_header(tmp_path: Path) -> None:
    data = open_table(tmp_path, 'image,"""q""","a ""b"" c"\na.jpg,1,1\nb.jpg,0,1')
    assert data.classes == ['"q"', 'a "b" c']


def test_a_comma_in_a_name_is_no_separator(tmp_path: Path) -> None:
    for name in ('"a,b"', "a,b"):
        lines = [f"image\t{name}", "x.jpg\t1", "y.jpg\t0"]
        (tmp_path / "t.csv").write_text("\n".join(lines))
        open_table(tmp_path / "images", "image\nx.jpg\ny.jpg")
        (tmp_path / "images/labels.csv").unlink()
        assert pupila.open(tmp_path / "t.csv", task="multilabel").classes == ["a,b"]
