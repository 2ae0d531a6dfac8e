"""Parquet files with images in them, and the file that `--labels` names."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import write_photo

FEATURES = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}


def write_shard(folder: Path, name: str, numbers: range, records: bool, described: bool) -> None:
    folder.mkdir(exist_ok=True)
    images = []
    for number in numbers:
        write_photo(folder / "x.png", number)
        images.append((folder / "x.png").read_bytes())
    (folder / "x.png").unlink()
    cells = [{"bytes": data, "path": f"{n}.png"} for n, data in zip(numbers, images, strict=True)]
    frame = pl.DataFrame({"image": cells if records else images, "label": [n % 2 for n in numbers]})
    frame.write_parquet(folder / name, metadata={"huggingface": json.dumps(FEATURES)} if described else None)


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("described", [True, False])
def test_images_in_parquet_are_unpacked_once(tmp_path: Path, records: bool, described: bool) -> None:
    write_shard(tmp_path / "data", "train-00000-of-00002.parquet", range(4), records, described)
    write_shard(tmp_path / "data", "train-00001-of-00002.parquet", range(4, 6), records, described)
    write_shard(tmp_path / "data", "test-00000-of-00001.parquet", range(6, 8), records, described)
    data = pupila.open(tmp_path)
    names = ["cat", "dog"] if described else ["0", "1"]
    assert data.class_counts() == dict.fromkeys(names, 4)
    assert data.images["given_split"].value_counts(sort=True)["count"].to_list() == [6, 2]
    assert any("unpacked once" in note for note in data.notes)
    unpacked = [path.stat().st_mtime_ns for path in sorted(Path(data.root).rglob("*.png"))]
    again = pupila.open(tmp_path)
    assert again.hash == data.hash
    assert [path.stat().st_mtime_ns for path in sorted(Path(again.root).rglob("*.png"))] == unpacked


@pytest.mark.parametrize("cut", [True, False])
def test_an_unpacked_image_that_vanished_is_unpacked_again(tmp_path: Path, cut: bool) -> None:
    write_shard(tmp_path / "data", "train.parquet", range(4), records=True, described=False)
    data = pupila.open(tmp_path)
    lost = Path(data.root) / data.images["image"][1]
    content = lost.read_bytes()
    lost.unlink()
    if cut:
        lost.write_bytes(content[:50])
    again = pupila.open(tmp_path)
    assert again.hash == data.hash
    assert again.images["bytes"].equals(data.images["bytes"])
    assert lost.read_bytes() == content


def test_an_unpacked_image_that_was_damaged_is_unpacked_again_by_the_next_command(tmp_path: Path) -> None:
    write_shard(tmp_path / "data", "train.parquet", range(4), records=True, described=False)
    data = pupila.open(tmp_path)
    damaged = Path(data.root) / data.images["image"][1]
    content, status = damaged.read_bytes(), damaged.stat()
    damaged.write_bytes(content[:-1] + b"x")
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(PupilaError, match="run the command again"):
        pupila.open(tmp_path).content(1)
    assert pupila.open(tmp_path).content(1) == content


def test_an_empty_cell_of_an_image_is_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "x.png", 1)
    images = [(tmp_path / "x.png").read_bytes(), None]
    pl.DataFrame({"image": images, "label": [0, 1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(PupilaError, match=r"Row 1 of .* has no image"):
        pupila.open(tmp_path / "t.parquet")


def write_tables(folder: Path) -> None:
    for number in range(4):
        write_photo(folder / "images" / f"{number}.jpg", number)
    for name, words in {"first.csv": "ab", "second.csv": "cd"}.items():
        lines = [f"{number}.jpg,{words[number % 2]}" for number in range(4)]
        (folder / name).write_text("\n".join(["pic,kind", *lines]), encoding="utf-8")


def test_a_named_file_of_labels_settles_which_table_counts(tmp_path: Path) -> None:
    write_tables(tmp_path)
    assert pupila.open(tmp_path, labels="second.csv").classes == ["c", "d"]
    assert pupila.open(tmp_path, labels="first.csv").classes == ["a", "b"]


def test_a_named_file_of_labels_that_is_missing_or_no_table_is_refused(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "third.csv").write_text("a,b\nx,y\n", encoding="utf-8")
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PupilaError, match="does not exist"):
        pupila.open(tmp_path, labels="fourth.csv")
    with pytest.raises(PupilaError, match="holds no labels"):
        pupila.open(tmp_path, labels="third.csv")
    with pytest.raises(PupilaError, match=r"notes\.json"):
        pupila.open(tmp_path, labels="notes.json")
