"""Files that look like labels and were not read: what each is, what it holds, and what to do; never "nothing to do"."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.formats.tools.annotation_tools import TOOLS, likely_tool
from pupila.stages.doctor.label_files import describe_label_file
from tests.pictures import write_classes

VOC = (
    b"<annotation><folder>x</folder><filename>a.jpg</filename><object><name>cat</name></object></annotation>"
)


def dumped(content: object) -> bytes:
    return json.dumps(content).encode()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    pl.DataFrame({"picture": ["a"], "kind": [1]}).write_parquet(stream)
    return stream.getvalue()


def array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros((4, 5), np.uint8))
    return stream.getvalue()


LABELS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "l.json": (
        dumped({"version": "5", "shapes": [], "imagePath": "a.jpg"}),
        ("labelme", "shapes", "--layout labelme"),
    ),
    "coco.json": (dumped({"info": {}, "images": [{"id": 1, "file_name": "a"}]}), ("COCO", "--layout coco")),
    "results.json": (dumped([{"image_id": 1, "category_id": 2, "score": 0.5}]), ("COCO", "category_id")),
    "via.json": (dumped({"a.jpg12": {"filename": "a", "regions": [{"shape_attributes": {}}]}}), ("VIA",)),
    "ls.json": (dumped([{"id": 1, "annotations": [{"result": []}], "data": {}}]), ("Label Studio",)),
    "sly.json": (dumped({"description": "", "size": {}, "objects": []}), ("Supervisely",)),
    "create.json": (
        dumped([{"image": "a", "annotations": [{"coordinates": {}}]}]),
        ("CreateML", "as COCO"),
    ),
    "dict.json": (
        dumped({"a.jpg": "cat", "b.jpg": "dog"}),
        ("file names", "a.jpg", "columns image and label"),
    ),
    "own.json": (dumped({"items": [{"tags": ["cat"]}]}), ("no tool that Pupila knows", "items, tags")),
    "voc.xml": (VOC, ("Pascal VOC", "filename", "--layout voc")),
    "cvat.xml": (
        b"<?xml version='1.0'?><annotations><version>1.1</version><image id='0'/></annotations>",
        ("CVAT",),
    ),
    "own.xml": (
        b"<photos><photo><label>cat</label></photo></photos>",
        ("no tool that Pupila knows", "photo"),
    ),
    "t.csv": (b"fname;what\na.jpg;cat\n", ("columns fname, what", "image and label")),
    "u.csv": ("id,kind\n7,cat\n".encode("utf-16"), ("columns id, kind", "none holds names of image files")),
    "h.tsv": (b"a.jpg\tcat\nb.jpg\tdog\n", ("without a header", "a.jpg, cat")),
    "sep.csv": (b"sep=,\nimg,kind\na.png,2\n", ("columns img, kind",)),
    "list.txt": (b"a.jpg 0\nb.jpg 1\n", ("list of image files with labels", "a.jpg 0")),
    "split.txt": (b"a.jpg\nb.jpg\n", ("list of image files", "split")),
    "yolo.txt": (b"0 0.5 0.5 0.1 0.2\n1 0.1 0.1 0.2 0.2\n", ("YOLO", "data.yaml")),
    "d.yaml": (b"train: images\nnames: [a, b]\n", ("YOLO", "train, names")),
    "m.mat": (b"MATLAB 5.0 MAT-file, Platform: x", ("Matlab",)),
    "x.h5": (b"\x89HDF\r\n", ("HDF5",)),
    "x.xlsx": (zipped("xl/workbook.xml"), ("Excel", "CSV")),
    "x.parquet": (parquet(), ("Parquet", "picture, kind")),
    "m.npy": (array(), ("NumPy", "4, 5", "PNG")),
    "m.npz": (zipped("mask.npy"), ("NumPy", "mask.npy")),
    "x.tfrecord": (b"\x01\0\0\0", ("TFRecord",)),
    "data.mdb": (b"\0" * 20, ("LMDB",)),
    "masks.zip": (zipped("masks/a.png"), ("archive", "masks/a.png", "unpack")),
    "y.pkl": (b"\x80\x04", ("pickle", "never opened")),
}
OTHERS = {
    "README.txt": b"These photos were taken in 2024.\nThe labels are in the folders.\n",
    "requirements.txt": b"numpy\npillow\n",
    "package.json": dumped({"name": "x", "version": "1", "dependencies": {}}),
    "config.yaml": b"epochs: 3\nlr: 0.1\n",
    "pom.xml": b"<project><version>1</version></project>",
    "train.py": b"import csv",
    "notes.md": b"a.jpg is a cat",
    "empty.json": b"",
    "bad.csv": b"\xff\xfe",
    "one.csv": b"words\n",
}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_labels_are_named_with_their_evidence_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, words = LABELS[name]
    (tmp_path / name).write_bytes(content)
    text = describe_label_file(str(tmp_path / name))
    assert all(word in text for word in words), text
    for end in (1, 3, len(content) // 2):  # cut anywhere, it is described or not, and nothing breaks
        (tmp_path / name).write_bytes(content[:end])
        describe_label_file(str(tmp_path / name))


@pytest.mark.parametrize(
    "name", sorted(set(TOOLS) - {"run-lengths"})
)  # these have no signs in their first bytes
def test_a_tool_is_recognized_by_the_signs_that_opening_uses(name: str) -> None:
    tool = TOOLS[name]
    assert likely_tool(b" ".join(tool.marks), tool.suffixes[0]) == name
    assert likely_tool(tool.marks[-1], tool.suffixes[0]) == ""  # one word may stand in any file


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_other_files_are_no_labels(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OTHERS[name])
    assert describe_label_file(str(tmp_path / name)) == ""


def test_a_hundred_files_of_one_kind_are_one_finding(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 3, "dog": 3})
    for number in range(100):
        (tmp_path / "cat" / f"{number:03}.json").write_text('{"imgHeight": 9, "objects": []}')
    (tmp_path / "dog/m.mat").write_bytes(b"MATLAB 5.0")
    (tmp_path / "dog/readme.txt").write_text("words")
    faults = {fault.code: fault for fault in pupila.doctor(tmp_path)}
    unread = faults["unread-labels"]
    assert (unread.severity, unread.count, len(unread.examples)) == ("warning", 2, 2)
    assert unread.examples[0].startswith("cat/000.json and 99 more: Cityscapes annotations")
    assert (faults["other-file"].count, "nothing to do" in unread.fix) == (1, False)


def test_files_that_pupila_archived_are_no_labels(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", {"a": 6, "b": 6})
    for seed in (1, 2):
        pupila.split(tmp_path / "data", seed=seed, replace=True)
    (tmp_path / "data/splits.json").write_text("{")
    pupila.split(tmp_path / "data", replace=True)
    assert len(list((tmp_path / "data").glob("splits-*.json"))) == 2  # of the first seed, and the damaged one
    assert not {entry.code for entry in pupila.doctor(tmp_path / "data")} & {"unread-labels", "other-file"}
