"""Which table and which file count: tables of splits, forms for predictions, equal names, numbers without zeros."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import pupila
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

WORDS = ["cat", "dog"]


def write_images(folder: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        write_photo(folder / name, number, width=8, height=8)


def write_table(path: Path, names: Sequence[str], header: str = "image,label", label: str = "") -> None:
    rows = [f"{name},{label or WORDS[row % 2]}" for row, name in enumerate(names)]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("header", "digits"), [("id,label", 5), ("image,label", 3), ("nummer,art", 4)])
@pytest.mark.parametrize("ending", ["", ".0"])
def test_numbers_without_the_zeros_of_their_files_are_found(
    tmp_path: Path, header: str, digits: int, ending: str
) -> None:
    names = [f"img/{number:0{digits}d}.png" for number in range(8, 12)]
    write_images(tmp_path, names)
    write_table(tmp_path / "data.csv", [f"{number}{ending}" for number in range(8, 12)], header)
    data = pupila.open(tmp_path)
    assert data.images.select("image", "target").rows() == list(zip(names, WORDS * 2, strict=True))
    assert any(f"found by their numbers, without the zeros before them, such as {names[0]} for 8" in note
               for note in data.notes)  # fmt: skip


def test_a_number_that_fits_several_files_is_not_guessed(tmp_path: Path) -> None:
    write_images(tmp_path, ["img/001.png", "img/0001.png", "img/002.png", "img/003.png"])
    write_table(tmp_path / "data.csv", ["1", "2", "3"], "id,label")
    data = pupila.open(tmp_path)
    assert data.images["image"].to_list() == ["img/002.png", "img/003.png"]
    assert "several files fit: img/0001.png, img/001.png" in str(data.skipped.rows())


@pytest.mark.parametrize("column", [["1", "2", "1", "2"], ["1", "2", "3", "x"], ["21", "22", "23", "24"]])
def test_other_numbers_name_no_images(tmp_path: Path, column: list[str]) -> None:
    write_images(tmp_path, [f"{number:03d}.png" for number in range(1, 5)])
    write_table(tmp_path / "data.csv", column, "id,kind")
    assert pupila.open(tmp_path).images["target"].null_count() == 4


@pytest.mark.parametrize(
    "tables",
    [
        {"train_labels.csv": "train", "val_labels.csv": "validation"},
        {"labels_train.csv": "train", "labels-test.csv": "test"},
        {"TrainSet.csv": "train", "ValidSet.csv": "validation", "TestSet.csv": "test"},
    ],
)
def test_tables_named_after_splits_are_read_together(tmp_path: Path, tables: dict[str, str]) -> None:
    for number, name in enumerate(tables):
        images = [f"p{number}{row}.jpg" for row in range(2)]
        write_images(tmp_path / "img", images)
        write_table(tmp_path / name, images)
    data = pupila.open(tmp_path)
    given = [split for split in tables.values() for _ in range(2)]
    assert data.images.select("target", "given_split").rows() == list(
        zip(WORDS * len(tables), given, strict=True)
    )


def test_two_tables_that_are_of_no_splits_are_a_question_with_its_flag(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.jpg", "b.jpg"])
    for name in ("ours.csv", "theirs.csv"):
        write_table(tmp_path / name, ["a.jpg", "b.jpg"])
    with pytest.raises(PupilaError, match="Several tables of images") as refused:
        pupila.open(tmp_path)
    assert "--labels FILE" in str(refused.value)
    assert len(pupila.open(tmp_path, labels="ours.csv")) == 2


@pytest.mark.parametrize("name", ["sample_submission.csv", "form.csv"])
def test_a_form_for_predictions_is_passed_over_and_named(tmp_path: Path, name: str) -> None:
    write_images(
        tmp_path, ["train_images/a.jpg", "train_images/b.jpg", "test_images/c.jpg", "test_images/d.jpg"]
    )
    write_table(tmp_path / "train.csv", ["a.jpg", "b.jpg"], "image_id,label")
    write_table(tmp_path / name, ["c.jpg", "d.jpg"], "image_id,label", label="4")
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == WORDS
    assert f"{name} is not read: it has one value (4) for all images, none of which train.csv names" in str(
        data
    )
    assert "2 images are in no row of a table and are left out: test_images." in str(data)


@pytest.mark.parametrize(("images", "label"), [(["a.jpg", "b.jpg"], "4"), (["c.jpg", "d.jpg"], "")])
def test_a_table_of_known_images_or_several_values_is_no_form(
    tmp_path: Path, images: list[str], label: str
) -> None:
    write_images(tmp_path, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    write_table(tmp_path / "train.csv", ["a.jpg", "b.jpg"], "image_id,label")
    write_table(tmp_path / "more.csv", images, "image_id,label", label)
    with pytest.raises(PupilaError, match="Several tables of images"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("both", [True, False])
def test_equal_names_in_folders_of_splits_are_those_of_the_tables_split(tmp_path: Path, both: bool) -> None:
    names = ["0.jpg", "1.jpg"]
    write_images(tmp_path, [f"{split}/{name}" for split in ("train", "test") for name in names])
    write_table(tmp_path / "Training_set.csv", names, "filename,label")
    (tmp_path / "Testing_set.csv").write_text("filename\n" + "\n".join(names) + "\n", encoding="utf-8")
    if both:
        write_table(tmp_path / "Testing_set.csv", names, "filename,label")
    data = pupila.open(tmp_path)
    expected = [(f"train/{name}", word) for name, word in zip(names, WORDS, strict=True)]
    expected += [(f"test/{name}", word) for name, word in zip(names, WORDS, strict=True) if both]
    assert sorted(data.images.select("image", "target").rows()) == sorted(expected)
    assert "Training_set.csv: several files have the names of 2 images" in str(data)


def test_an_id_that_recurs_in_few_images_groups_them_and_is_no_label(tmp_path: Path) -> None:
    names = [f"ISIC_{number}" for number in range(8)]
    write_images(tmp_path / "part_1", [f"{name}.jpg" for name in names])
    rows = [
        f"HAM_{row // 2},{name},{('nv', 'mel')[row % 2]},{('f', 'm')[row // 4]}"
        for row, name in enumerate(names)
    ]
    (tmp_path / "meta.csv").write_text("\n".join(["lesion_id,image_id,dx,sex", *rows]), encoding="utf-8")
    data = pupila.open(tmp_path)
    assert data.classes == ["mel", "nv"]
    assert (
        "The column lesion_id groups images; pupila split --by lesion_id keeps each group in one split."
        in str(data)
    )


def test_a_table_without_a_header_and_labels_needs_a_first_line(tmp_path: Path) -> None:
    names = [f"p{number}.jpg" for number in range(4)]
    write_images(tmp_path, names)
    lines = [f"{name},{number}.5,2024-01-0{number + 1}" for number, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    assert "write a first line that names the columns, one of them label" in str(pupila.open(tmp_path))


def test_an_opening_reads_each_table_once_and_the_next_one_reads_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.png" for number in range(4)]
    write_images(tmp_path, names)
    write_table(tmp_path / "labels.csv", names)
    write_table(tmp_path / "weather.csv", names, header="day,wind")
    read, read_bytes = Counter[str](), files.read_bytes

    def count(uri: str) -> bytes:
        read[uri.rpartition("/")[2]] += 1
        return read_bytes(uri)

    monkeypatch.setattr(files, "read_bytes", count)
    assert pupila.open(tmp_path).class_counts() == {"cat": 2, "dog": 2}
    assert {name: read[name] for name in ("labels.csv", "weather.csv")} == {"labels.csv": 1, "weather.csv": 1}
    write_table(tmp_path / "labels.csv", names[:3])
    assert pupila.open(tmp_path).class_counts() == {"cat": 2, "dog": 1}
