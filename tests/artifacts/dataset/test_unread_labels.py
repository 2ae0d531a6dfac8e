"""Files that look like labels and can't be read, tables of boxes, and tables of other data: never without a word."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.formats.tables.box_rows import find_box_columns
from pupila.core.errors import PupilaError
from tests.artifacts.dataset import annotation_writers as write
from tests.pictures import write_photo

HEAD = "image,label\na.jpg,x\n"


def photos(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(folder / name, number, 16, 12)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.xlsx", b"PK\x03\x04", "labels.xlsx is a spreadsheet, which is not read: save it as CSV"),
        ("labels.ODS", b"PK", "is a spreadsheet"),
        ("labels.csv", b"", "labels.csv can't be read as a table of labels: empty CSV"),
        ("t.csv", f'{HEAD}b.jpg,"y\n'.encode(), "t.csv can't be read as a table of labels"),
        ("t.parquet", b"PAR1abc", "t.parquet can't be read as a table of labels"),
        ("t.jsonl", b"{'image'", "t.jsonl can't be read as a table of labels"),
        ("annotations.json", b"[1, 2, 3]", "1 file that may hold labels can't be read (annotations.json: no form of"),
        ("annotations.json", b'{"images": [', "annotations.json looks like annotations, but can't be read"),
        ("labels/a.json", b"", "1 file that may hold labels can't be read (labels/a.json: "),
        ("labels/a.xml", b"<x/>", "1 file that may hold labels can't be read (labels/a.xml: no form of"),
    ],
)  # fmt: skip
def test_a_label_file_that_can_not_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    photos(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    data = pupila.open(tmp_path)
    assert data.task is None
    assert words in data.doubt


def test_beside_labels_it_is_a_note_or_none(tmp_path: Path) -> None:
    photos(tmp_path, "cat/a.jpg", "cat/b.jpg", "dog/c.jpg", "dog/d.jpg")
    (tmp_path / "costs.xlsx").write_bytes(b"PK")
    (tmp_path / "settings.json").write_text("{}")
    data = pupila.open(tmp_path)
    assert data.doubt == ""
    assert [note for note in data.notes if "costs.xlsx is a spreadsheet" in note]
    assert "settings.json" not in str(data)


@pytest.mark.parametrize("rows", ["x.jpg,p\ny.jpg,q\n", ""])
def test_a_table_of_other_images_is_named_with_the_flag(tmp_path: Path, rows: str) -> None:
    photos(tmp_path, "cat/a.jpg", "cat/b.jpg", "dog/c.jpg", "dog/d.jpg")
    (tmp_path / "labels.csv").write_text(f"image,label\n{rows}")
    with pytest.raises(PupilaError, match=r"None of the images that labels\.csv names exists") as caught:
        pupila.open(tmp_path)
    assert "--layout folders" in caught.value.remedy
    assert pupila.open(tmp_path, layout="folders").classes == ["cat", "dog"]


BOXES = "1,2,9,10"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "{image},16,12,{label},{box}"),
        ("image_id,x1,y1,x2,y2,label", "{image},{box},{label}"),
        ("image,label,x,y,width,height", "{image},{label},{box}"),
        ("image,label,bbox", '{image},{label},"[1, 2, 9, 10]"'),
        ("image,class,x_center,y_center,w,h", "{image},{label},{box}"),
        ("", "{image},{box},{label}"),
    ],
)
def test_a_row_for_each_box_gives_the_labels_of_the_image(tmp_path: Path, header: str, row: str) -> None:
    photos(tmp_path, *(f"{n}.jpg" for n in range(6)))
    objects = [
        ("0", "cat"),
        ("0", "dog"),
        ("1", "cat"),
        ("1", "cat"),
        ("2", "dog"),
        ("3", "cat"),
        ("4", "dog"),
    ]
    lines = [row.format(image=f"{image}.jpg", label=label, box=BOXES) for image, label in objects]
    (tmp_path / "t.csv").write_text("\n".join(filter(None, [header, *lines])))
    data = pupila.open(tmp_path)
    assert data.task is not None and data.task.name == "multilabel"
    assert data.classes == ["cat", "dog"]
    assert data.label_matrix.tolist() == [[1, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    assert "Boxes are not learned yet" in str(data)
    (tmp_path / "t.csv").write_text("\n".join(filter(None, [header, *lines[2:]])))
    assert pupila.open(tmp_path).images["target"].to_list() == ["cat", "dog", "cat", "dog"]


def test_an_image_without_boxes_shows_nothing_and_one_without_a_class_is_unknown(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    head = "filename,class,xmin,ymin,xmax,ymax\n"
    rows = f"a.jpg,cat,{BOXES}\na.jpg,dog,{BOXES}\nb.jpg,,,,,\nc.jpg,,{BOXES}\nc.jpg,cat,{BOXES}\n"
    (tmp_path / "t.csv").write_text(head + rows)
    assert pupila.open(tmp_path).label_matrix.tolist() == [[1, 1], [0, 0], [1, -1]]


@pytest.mark.parametrize(
    "columns",
    [
        {"x": ["1", "2"], "y": ["3", "4"]},  # a place
        {"width": ["16", "16"], "height": ["12", "12"]},  # of the image
        {"xmin": ["a", "b"], "ymin": ["1", "2"], "xmax": ["3", "4"], "ymax": ["5", "6"]},
        {f"column {n}": ["1", "2"] for n in range(4)},  # corners of nothing
        {"bbox": ["none", "1 2 3 4"]},
        {f"f{n}": [str(n), str(n + 1)] for n in range(8)},  # measures
    ],
)
def test_other_columns_are_no_boxes(columns: dict[str, list[str]]) -> None:
    assert find_box_columns(pl.DataFrame({"image": ["a", "b"], **columns})) == []


def test_columns_without_names_are_boxes_where_they_are_corners() -> None:
    draw = np.random.default_rng(3)
    left, top = draw.integers(0, 50, (2, 9))
    wide, high = draw.integers(1, 9, (2, 9))
    numbers = [left, top, left + wide, top + high]
    names = [f"column {n}" for n in range(2, 6)]
    frame = pl.DataFrame(
        {name: [str(each) for each in some] for name, some in zip(names, numbers, strict=True)}
    )
    assert find_box_columns(frame) == names


@pytest.mark.parametrize(
    ("names", "shown"),
    [(("Salt", "salt"), '"Salt", "salt"'), (("cat", "c at"), '"c at", "cat"'), (("salt", "fat"), "")],
)
def test_classes_that_look_alike_are_noted(tmp_path: Path, names: tuple[str, str], shown: str) -> None:
    photos(tmp_path, *(f"{name}/{number}.jpg" for number, name in enumerate(2 * names)))
    data = pupila.open(tmp_path)
    assert data.classes == sorted(names)
    notes = [note for note in data.notes if "differ in capitals or blanks alone" in note]
    note = f"The classes {shown} differ in capitals or blanks alone, and stay classes of their own."
    assert notes == ([note] if shown else [])


@pytest.mark.parametrize("tool", ["labelme", "voc"])
def test_a_file_that_names_another_image_than_its_own_is_doubted(tmp_path: Path, tool: str) -> None:
    photos(tmp_path, "1.jpg", "2.jpg")
    square = [[2.0, 3.0], [6.0, 3.0], [6.0, 7.0], [2.0, 7.0]]
    write.WRITERS[tool](tmp_path, {name: [("polygon", name[0], square)] for name in ("1.jpg", "2.jpg")})
    assert pupila.open(tmp_path).doubt == ""
    first, second = sorted(path for path in tmp_path.rglob("*.*") if path.suffix in (".json", ".xml"))
    content = first.read_text()
    first.write_text(second.read_text())
    second.write_text(content)
    data = pupila.open(tmp_path)
    assert "2 annotation files name other images than those of their own names, such as " in data.doubt
    assert np.unique(data.mask(0)).tolist() == [0, data.classes.index("1")]  # what the file names


def test_categories_of_one_name_are_noted(tmp_path: Path) -> None:
    photos(tmp_path / "images", "1.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/1.txt").write_text("1 0.2 0.2 0.6 0.2 0.6 0.6\n")
    (tmp_path / "data.yaml").write_text("names: [a, a]\ntrain: images\n")
    assert "data.yaml: several categories have the name a and are one class" in str(pupila.open(tmp_path))
    content = {"images": [{"id": 1, "file_name": "1.jpg", "width": 16, "height": 12}],
               "annotations": [{"image_id": 1, "category_id": n, "segmentation": [[1, 1, 9, 1, 9, 9]]} for n in (1, 2)],
               "categories": [{"id": n, "name": "a"} for n in (1, 2)]}  # fmt: skip
    (tmp_path / "data.yaml").unlink()
    write.write_json(tmp_path / "coco.json", content)
    assert "coco.json: several categories have the name a and are one class" in str(pupila.open(tmp_path))


@pytest.mark.parametrize("rows", [8, 40])
def test_a_lone_column_of_few_numbers_is_the_label_and_a_list_of_tests_has_none(
    tmp_path: Path, rows: int
) -> None:
    photos(
        tmp_path, *(f"train_images/a{n}.jpg" for n in range(rows)), "test_images/b0.jpg", "test_images/b1.jpg"
    )
    lines = "".join(f"a{n},{n % 5}\n" for n in range(rows))
    (tmp_path / "train.csv").write_text(f"id_code,diagnosis\n{lines}")
    (tmp_path / "test.csv").write_text("id_code\nb0\nb1\n")
    data = pupila.open(tmp_path)
    assert data.classes == ["0", "1", "2", "3", "4"]
    assert dict(data.images["given_split"].value_counts().iter_rows()) == {"train": rows, "test": 2}
    assert data.images.filter(pl.col("given_split") == "test")["target"].null_count() == 2


@pytest.mark.parametrize("values", [range(8), [n / 2 for n in (1, 1, 2, 2, 3, 3, 4, 4)]])
def test_a_lone_column_of_ids_or_measures_is_no_label(tmp_path: Path, values: list[float]) -> None:
    photos(tmp_path, *(f"a{n}.jpg" for n in range(8)))
    (tmp_path / "t.csv").write_text(
        "id,number\n" + "".join(f"a{n},{value}\n" for n, value in enumerate(values))
    )
    data = pupila.open(tmp_path)
    assert data.task is None
    assert "none of its columns (id, number) looks like labels" in str(data)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("image," + ",".join(map(str, range(100_000))), "a first line of 100,001 columns"),
        ("image," + "x" * 2_000_000, "a first line of over 1,048,576 bytes"),
    ],
    ids=["columns", "bytes"],
)
def test_a_table_that_is_too_wide_is_refused_at_once(tmp_path: Path, head: str, words: str) -> None:
    photos(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "t.csv").write_text(f"{head}\na.jpg,1\nb.jpg,0\n")
    assert words in pupila.open(tmp_path).doubt


def test_a_cell_that_is_too_long_for_a_path_is_listed(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "t.csv").write_text(f"{HEAD}b.jpg,y\n" + "x" * 3_000_000)
    data = pupila.open(tmp_path)
    assert data.classes == ["x", "y"]
    assert data.skipped["reason"].to_list() == ["its name is too long for a file"]
