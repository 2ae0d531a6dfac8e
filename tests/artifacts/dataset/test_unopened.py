"""Files that can't be opened: each is named, in a note, a doubt or an error, and none is a stack trace."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses, record_test_access
from pupila.core.errors import PupilaError
from tests.artifacts.dataset import annotation_writers
from tests.artifacts.dataset.test_table_images import write_shard
from tests.pictures import encoded, photo, write_classes, write_scenes

SCENE: annotation_writers.Scene = {
    f"{name}.png": [("polygon", kind, [[1, 1], [9, 1], [9, 9]])]
    for name, kind in (("a", "cat"), ("b", "dog"), ("c", "cat"))
}
TOOLS = ["labelme", "voc", "cvat", "via_csv", "label_studio", "supervisely"]


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Takes the permission to read a file or a folder, as tests of root can't."""
    locked, opened, listed = set[str](), os.open, os.scandir

    def refuse(path: Any) -> None:
        if isinstance(path, str | Path) and str(path) in locked:
            raise PermissionError(13, "Permission denied", str(path))

    def open_file(path: Any, *options: Any, **named: Any) -> int:
        refuse(path)
        return opened(path, *options, **named)

    def list_folder(path: Any = ".") -> Any:
        refuse(path)
        return listed(path)

    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "scandir", list_folder)
    yield lambda path: locked.add(str(path))
    monkeypatch.undo()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write_pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(SCENE):
        (folder / name).write_bytes(encoded(photo(number, 16, 12)))


def yolo(folder: Path) -> None:
    write_pictures(folder / "images")
    write(folder, {f"labels/{name[0]}.txt": "0 0.1 0.1 0.8 0.1 0.8 0.8\n" for name in SCENE})
    write(folder, {"obj.data": "train=train.txt\nnames=obj.names\n", "obj.names": "cat\n",
                   "train.txt": "images/a.png\nimages/b.png\nimages/c.png\n"})  # fmt: skip


def numbered(folder: Path) -> None:
    write_pictures(folder / "images")
    write(folder, {"images.txt": "1 a.png\n2 b.png\n3 c.png\n", "image_class_labels.txt": "1 1\n2 2\n3 1\n"})


def lists(folder: Path) -> None:
    write_classes(folder, {"a": 2, "b": 2})
    write(folder, {"train.txt": "a/000.jpg\nb/000.jpg\n", "test.txt": "a/001.jpg\nb/001.jpg\n"})


def table(folder: Path) -> None:
    write_pictures(folder)
    write(folder, {"labels.csv": "image,label\na.png,x\nb.png,y\nc.png,x\n"})


def numbers(folder: Path) -> None:
    write_classes(folder, {"0": 2, "1": 2})
    write(folder, {"classes.txt": "cat\ndog\n", "classes.json": '{"0": "cat", "1": "dog"}'})


def every_message(folder: Path) -> str:
    """Everything that opening the data says, or the error that it ends with."""
    try:
        data = pupila.open(folder)
    except PupilaError as fault:
        return str(fault)
    return " ".join([*data.notes, data.doubt, *(" ".join(map(str, row)) for row in data.skipped.rows())])


@pytest.mark.parametrize("tool", TOOLS)
def test_annotations_that_cant_be_opened_are_named(
    tool: str, lock: Callable[[Path], None], tmp_path: Path
) -> None:
    write_pictures(tmp_path)
    getattr(annotation_writers, tool)(tmp_path, SCENE)
    path = next(path for path in sorted(tmp_path.rglob("*.*")) if path.suffix in (".json", ".xml", ".csv"))
    assert path.name not in every_message(tmp_path).replace(f"({path.name})", "")
    lock(path)
    for _ in range(2):
        messages = every_message(tmp_path)
        assert path.name in messages
        assert "Permission denied" in messages


@pytest.mark.parametrize(("make", "name"), [
    (yolo, "obj.data"), (yolo, "obj.names"), (yolo, "train.txt"), (yolo, "labels/a.txt"), (numbered, "images.txt"),
    (numbered, "image_class_labels.txt"), (lists, "train.txt"), (table, "labels.csv"), (numbers, "classes.txt"),
    (numbers, "classes.json"),
])  # fmt: skip
def test_lists_and_tables_that_cant_be_opened_are_named(
    make: Callable[[Path], None], name: str, lock: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path)
    lock(tmp_path / name)
    messages = every_message(tmp_path)
    assert name in messages
    assert "Permission denied" in messages


def test_a_named_annotation_file_that_cant_be_opened_is_an_error(
    lock: Callable[[Path], None], tmp_path: Path
) -> None:
    write_pictures(tmp_path)
    annotation_writers.cvat(tmp_path, SCENE)
    lock(tmp_path / "annotations.xml")
    for options in ({"labels": "annotations.xml"}, {"layout": "cvat"}):
        with pytest.raises(PupilaError, match=r"annotations\.xml.*Permission denied"):
            pupila.open(tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(PupilaError, match="annotations"):
        pupila.open(tmp_path / "annotations.xml")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    yolo(tmp_path)
    (tmp_path / "obj.names").unlink()
    (tmp_path / "obj.names").mkdir()
    with pytest.raises(PupilaError, match=r"obj\.names: found Is a directory"):
        pupila.open(tmp_path)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    yolo(tmp_path)
    label = tmp_path / "labels/a.txt"
    label.unlink()
    label.symlink_to("gone")
    assert ("labels/a.txt", "broken-link") in pupila.open(tmp_path).skipped.select("subject", "code").rows()
    write_scenes(tmp_path / "masks", 3)
    (tmp_path / "masks/.lock").symlink_to("user@host")
    assert "broken-link" not in every_message(tmp_path / "masks")  # an editor's lock is one


def test_of_several_tables_with_images_none_is_dropped(tmp_path: Path) -> None:
    for number in range(2):
        numbers = range(2 * number, 2 * number + 2)
        write_shard(tmp_path, f"train-0000{number}-of-00002.parquet", numbers, records=True, described=True)
    assert len(pupila.open(tmp_path)) == 4
    (tmp_path / "train-00001-of-00002.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(PupilaError, match="train-00001"):
        pupila.open(tmp_path)


def test_a_folder_that_cant_be_listed_is_named(lock: Callable[[Path], None], tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 2, "b": 2})
    write_pictures(tmp_path / "a/more")
    lock(tmp_path / "a/more")
    assert "a/more unreadable" in every_message(tmp_path)
    lock(tmp_path)
    with pytest.raises(PupilaError, match=rf"{tmp_path.name}: found Permission denied"):
        pupila.open(tmp_path)


def test_what_pupila_keeps_beside_the_data_is_named(lock: Callable[[Path], None], tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 6, "b": 6})
    pupila.split(tmp_path)
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "labels.parquet")
    record_test_access(str(tmp_path), ["m"], "evaluate")
    for name, read in (("splits.json", SplitFile.read), ("labels.parquet", read_history),
                       ("test_access.jsonl", read_test_accesses)):  # fmt: skip
        lock(tmp_path / name)
        with pytest.raises(PupilaError, match=rf"{name}: found Permission denied"):
            read(str(tmp_path))
