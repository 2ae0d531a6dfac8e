"""Labels of a table: precedence, matching, and the lines that can't be used."""

from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.core.errors import PupilaError
from pupila.stages.label.run import LabellingResult
from tests.pictures import write_classes, write_photo, write_scenes
from tests.stages.label.requests import read_rows, shop, targets


def table(folder: Path, text: str, **changes: Any) -> LabellingResult:
    path = folder.parent / "said.csv"
    path.write_text(text)
    return pupila.label(folder, with_=f"csv:{path}", **changes)


def test_images_are_matched_by_path_or_file_name(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    for number, name in enumerate(("0", "1", "deep/2", "deep/3")):
        write_photo(folder / f"images/{name}.png", number)
    lines = [
        "file,class",
        "images/0.png,cat",
        f"{folder}/images/1.png,dog",
        "2.png,cat",
        ".\\images\\deep\\3.png,dog",
    ]
    result = table(folder, "\n".join(lines))
    assert (result.labelled, result.remarks) == (4, [])
    assert list(targets(folder).values()) == ["cat", "dog", "cat", "dog"]
    assert set(read_rows(folder)["labeller"]) == {"csv:said.csv"}


def test_labels_of_a_table_count_as_an_annotators_by_default(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 2, "dog": 2})
    text = "image,label\ncat/000.jpg,dog\n"
    assert table(folder, text, human_labels=False).selection.given == 1
    assert targets(folder)["cat/000.jpg"] == "cat"
    assert table(folder, text).labelled == 1
    assert targets(folder)["cat/000.jpg"] == "dog"


def test_a_corrected_table_adds_only_its_changes(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 3)
    table(folder, "image,label\n00.png,cat\n01.png,cat\n")
    data = pupila.open(folder)
    image, digest = data.images.select("image", "sha256").row(0)
    append_labels(
        data.home, [Label(image, digest, "annotator:ana", True, "dog", "2099-11-21T12:00:00+00:00")]
    )
    result = table(folder, "image,label\n00.png,cat\n01.png,dog\n02.png,dog\n")
    assert (result.labelled, result.selection.labelled_before) == (2, 1)
    assert targets(folder) == {
        "00.png": "dog",
        "01.png": "dog",
        "02.png": "dog",
    }  # the later label of ana on 00 stays in force


def test_every_unused_line_is_reported(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 3, "dog": 2})
    lines = ["image;label", "none.jpg;cat", "000.jpg;cat", "cat/001.jpg;cow", "cat/002.jpg;", ";dog",
             "dog/000.jpg;cat", "dog/000.jpg;dog", "dog/001.jpg;unsure"]  # fmt: skip
    result = table(folder, "\n".join(lines))
    assert result.remarks == [
        "2 lines refer to no image of the data: none.jpg, ''.",
        "One line matches several images: 000.jpg.",
        "One line has no label: cat/002.jpg.",
        "One label is not one of cat, dog: cow (cat/001.jpg); --new-classes accepts it.",
        "One image has conflicting labels in the table and was skipped: dog/000.jpg.",
    ]
    assert (result.labelled, result.unsure) == (0, 1)
    assert targets(folder)["dog/001.jpg"] is None  # the annotator was unsure
    assert table(folder, "\n".join(lines), new_classes=True).classes == {"cow": 1}


def test_duplicate_files_have_one_label(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    (folder / "copy.png").write_bytes((folder / "00.png").read_bytes())
    result = table(folder, "image,label\n00.png,cat\ncopy.png,dog\n")
    assert result.labelled == 0
    assert "conflicting labels in the table and was skipped: 00.png" in result.remarks[0]
    assert table(folder, "image,label\n00.png,cat\ncopy.png,cat\n").labelled == 1
    assert targets(folder) == {"00.png": "cat", "01.png": None, "copy.png": "cat"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("file,weight\n0.png,3\n", "expected a column label"), ("name,label\n0,cat\n", "a column image")],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        table(shop(tmp_path / "shop", 1), text)


def test_one_column_per_class_gives_several_labels(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 4)
    text = "image,sodium,sugar\n00.png,1,0\n01.png,yes,\n02.png,0,0\n03.png,,\n"
    result = table(folder, text)
    assert (result.labelled, result.classes) == (3, {"sodium": 2})
    assert list(targets(folder).values()) == [
        '{"sodium": 1, "sugar": 0}', '{"sodium": 1}', '{"sodium": 0, "sugar": 0}', None,
    ]  # fmt: skip
    assert result.remarks == [
        "2 columns say whether an image shows a class: sodium, sugar.",
        "3 of 8 cells are empty or say nothing: the class is unknown there.",
        "One line has no label: 03.png.",
    ]
    data = pupila.open(folder)
    assert (data.target, data.classes) == ("classes", ["sodium", "sugar"])
    again = table(folder, "image,fat,sodium,sugar\n00.png,0,1,0\n02.png,,1,0\n")
    assert (again.labelled, again.selection.labelled_before) == (1, 0)
    assert "not among sodium, sugar" in again.remarks[-1] or "not one of sodium, sugar" in again.remarks[-1]
    assert targets(folder)["02.png"] == '{"sodium": 1, "sugar": 0}'
    assert table(folder, "image,fat\n00.png,0\n", new_classes=True).labelled == 1
    assert targets(folder)["00.png"] == '{"fat": 0}'  # a label is whole: the other classes are unknown now


def test_several_labels_of_a_table_do_not_fit_data_with_one_class(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 2, "dog": 2})
    assert table(folder, "image,cat,dog\ncat/000.jpg,0,1\n").labelled == 1
    assert targets(folder)["cat/000.jpg"] == "dog"
    with pytest.raises(PupilaError, match="not for the task classify"):
        table(folder, "image,cat,dog\ncat/000.jpg,1,1\ncat/001.jpg,1,0\n")


def test_several_labels_in_a_cell_and_in_several_lines_add_up(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 4)
    lines = [
        "image,label",
        "00.png,sodium|sugar",
        "01.png,sugar",
        "02.png,fat|sugar",
        "02.png,unsure",
        "03.png,unsure",
    ]
    result = table(folder, "\n".join(lines))
    assert (result.labelled, result.unsure) == (2, 1)
    assert list(targets(folder).values()) == [
        '{"fat": 0, "sodium": 1, "sugar": 1}', '{"fat": 0, "sodium": 0, "sugar": 1}', None, None,
    ]  # fmt: skip
    assert "separated by" in result.remarks[0]
    assert result.remarks[-1] == "One image has conflicting labels in the table and was skipped: 02.png."
    lines = ["image,label", "00.png,fat", "photos/00.png,sodium", f"{folder}/00.png,sugar", "03.png,fat"]
    assert table(folder, "\n".join(lines)).labelled == 2  # the image by its name, and by its path
    assert targets(folder)["00.png"] == '{"fat": 1, "sodium": 1, "sugar": 1}'
    assert targets(folder)["03.png"] == '{"fat": 1, "sodium": 0, "sugar": 0}'


def test_columns_that_contradict_each_other_leave_the_class_unknown(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    result = table(folder, "image,fat,sodium\n00.png,1,0\n00.png,1,1\n01.png,1,1\n")
    assert targets(folder) == {"00.png": '{"fat": 1}', "01.png": '{"fat": 1, "sodium": 1}'}
    assert "One image has lines that contradict each other: 00.png" in result.remarks[-1]


def test_the_task_that_the_user_names_decides_the_labels_of_unlabelled_data(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    text = (
        "image,cat,dog\n00.png,1,0\n01.png,0,1\n"  # exactly one of them: one class, unless the user says it
    )
    assert table(folder, text, task="multilabel").classes == {"cat": 1, "dog": 1}
    assert list(targets(folder).values()) == ['{"cat": 1, "dog": 0}', '{"cat": 0, "dog": 1}']


def test_a_table_can_not_label_masks(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="can't label masks"):
        table(write_scenes(tmp_path / "shop", 2), "image,label\n0.png,cat\n")


def test_a_given_label_that_a_model_repeated_is_still_skipped(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 2, "dog": 2})
    text = "image,label\ncat/000.jpg,cat\n"
    assert table(folder, text, human_labels=False, everything=True).labelled == 1
    (folder.parent / "other.csv").write_text(text)  # another labeller, which was never asked
    result = pupila.label(folder, with_=f"csv:{folder.parent / 'other.csv'}", human_labels=False)
    assert (result.selected, result.selection.given) == (0, 1)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Six images, the first two labelled for fat, salt and sugar."""
    folder = shop(tmp_path / "shop", 6)
    table(folder, "image,fat,salt,sugar\n00.png,1,1,0\n01.png,0,0,1\n", task="multilabel")
    return folder


def test_a_line_may_say_whether_its_class_is_present(labelled: Path) -> None:
    table(labelled, "image,label,present\n04.png,salt,0\n04.png,fat,1\n05.png,sugar,0\n")
    assert targets(labelled)["04.png"] == '{"fat": 1, "salt": 0}'
    assert targets(labelled)["05.png"] == '{"sugar": 0}'


@pytest.mark.parametrize("others", ["", "05.png,fat\n", "05.png,fat|sugar\n", "05.png,zzz\n"])
def test_a_line_is_about_the_classes_of_the_data_whatever_the_other_lines_say(
    labelled: Path, others: str
) -> None:
    table(labelled, f"image,label\n04.png,salt\n{others}")
    assert targets(labelled)["04.png"] == '{"fat": 0, "salt": 1, "sugar": 0}'


def test_one_unknown_class_leaves_the_other_lines_as_they_are(labelled: Path) -> None:
    lines = ["02.png,salt|fat", "03.png,salt|zzz", "04.png,sugar", "05.png,none"]
    result = table(labelled, "\n".join(["image,label", *lines]))
    assert (
        "One label is not one of fat, salt, sugar: zzz (03.png); --new-classes accepts it." in result.remarks
    )
    assert result.labelled == 3
    assert list(targets(labelled).values())[2:] == [
        '{"fat": 1, "salt": 1, "sugar": 0}', None, '{"fat": 0, "salt": 0, "sugar": 1}',
        '{"fat": 0, "salt": 0, "sugar": 0}',
    ]  # fmt: skip
    table(labelled, "\n".join(["image,label", *lines]), new_classes=True)
    assert targets(labelled)["03.png"] == '{"fat": 0, "salt": 1, "sugar": 0, "zzz": 1}'
    assert (
        targets(labelled)["04.png"] == '{"fat": 0, "salt": 0, "sugar": 1}'
    )  # the class of another line stays unknown


def test_the_classes_of_the_data_decide_what_a_comma_is(labelled: Path) -> None:
    result = table(labelled, 'image,label\n02.png,"salt, fat"\n03.png,"sugar, sweet"\n')
    assert targets(labelled)["02.png"] == '{"fat": 1, "salt": 1, "sugar": 0}'
    assert any("not one of fat, salt, sugar: sugar, sweet (03.png)" in remark for remark in result.remarks)


def test_a_label_that_can_not_be_read_is_reported_by_its_image(labelled: Path) -> None:
    result = table(labelled, "image;label\n02.png;['salt', nan]\n03.png;['fat']\n")
    assert 'One label can\'t be read: 02.png ("nan" is not a class).' in result.remarks
    assert (result.labelled, targets(labelled)["02.png"]) == (1, None)
