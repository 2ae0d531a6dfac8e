"""Labels of a table: who counts, what matches, and what is said of the rest."""

from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append
from pupila.core.errors import PupilaError
from pupila.stages.label.run import Labelled
from tests.pictures import write_classes, write_photo, write_scenes
from tests.stages.label.requests import shop, targets, told


def table(folder: Path, text: str, **changes: Any) -> Labelled:
    path = folder.parent / "said.csv"
    path.write_text(text)
    return pupila.label(folder, with_=f"csv:{path}", **changes)


def test_a_path_or_a_file_name_says_which_image_is_meant(tmp_path: Path) -> None:
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
    done = table(folder, "\n".join(lines))
    assert (done.labelled, done.remarks) == (4, [])
    assert list(targets(folder).values()) == ["cat", "dog", "cat", "dog"]
    assert set(told(folder)["labeller"]) == {"csv:said.csv"}


def test_a_table_is_a_persons_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 2, "dog": 2})
    text = "image,label\ncat/000.jpg,dog\n"
    assert table(folder, text, person=False).chosen.given == 1
    assert targets(folder)["cat/000.jpg"] == "cat"
    assert table(folder, text).labelled == 1
    assert targets(folder)["cat/000.jpg"] == "dog"


def test_a_mended_table_says_only_what_is_new_and_takes_nothing_back(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 3)
    table(folder, "image,label\n00.png,cat\n01.png,cat\n")
    data = pupila.open(folder)
    image, digest = data.images.select("image", "sha256").row(0)
    append(data.home, [Label(image, digest, "person:ana", True, "dog", "2099-11-21T12:00:00+00:00")])
    done = table(folder, "image,label\n00.png,cat\n01.png,dog\n02.png,dog\n")
    assert (done.labelled, done.chosen.before) == (2, 1)
    assert targets(folder) == {
        "00.png": "dog",
        "01.png": "dog",
        "02.png": "dog",
    }  # ana's last word on 00 stands


def test_everything_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 3, "dog": 2})
    lines = ["image;label", "none.jpg;cat", "000.jpg;cat", "cat/001.jpg;cow", "cat/002.jpg;", ";dog",
             "dog/000.jpg;cat", "dog/000.jpg;dog", "dog/001.jpg;unsure"]  # fmt: skip
    done = table(folder, "\n".join(lines))
    assert done.remarks == [
        "2 lines name no image of the data: none.jpg, ''.",
        "One line names several images: 000.jpg.",
        "One line has no label: cat/002.jpg.",
        "One label is none of cat, dog: cow (cat/001.jpg); --set new_classes=true takes it.",
        "One image has two labels in the table, and got neither: dog/000.jpg.",
    ]
    assert (done.labelled, done.unsure) == (0, 1)
    assert targets(folder)["dog/001.jpg"] is None  # a person was unsure
    assert table(folder, "\n".join(lines), new_classes=True).classes == {"cow": 1}


def test_two_files_of_the_same_bytes_have_one_label(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    (folder / "copy.png").write_bytes((folder / "00.png").read_bytes())
    done = table(folder, "image,label\n00.png,cat\ncopy.png,dog\n")
    assert done.labelled == 0
    assert "two labels in the table, and got neither: 00.png" in done.remarks[0]
    assert table(folder, "image,label\n00.png,cat\ncopy.png,cat\n").labelled == 1
    assert targets(folder) == {"00.png": "cat", "01.png": None, "copy.png": "cat"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("file,weight\n0.png,3\n", "wanted a column label"), ("name,label\n0,cat\n", "a column image")],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        table(shop(tmp_path / "shop", 1), text)


def test_classes_are_no_masks(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="can't label masks"):
        table(write_scenes(tmp_path / "shop", 2), "image,label\n0.png,cat\n")


def test_a_given_label_that_a_machine_repeated_is_passed_over_as_before(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "shop", {"cat": 2, "dog": 2})
    text = "image,label\ncat/000.jpg,cat\n"
    assert table(folder, text, person=False, everything=True).labelled == 1
    (folder.parent / "other.csv").write_text(text)  # another labeller, which was never asked
    done = pupila.label(folder, with_=f"csv:{folder.parent / 'other.csv'}", person=False)
    assert (done.asked, done.chosen.given) == (0, 1)
