"""Damaged files: a changed bit is named, made good from what is there, or leaves the content as it was."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.errors import PupilaError
from tests.artifacts.dataset.test_table_images import write_shard
from tests.pictures import write_classes, write_scenes


def flipped(path: Path, count: int, seed: int = 0) -> Iterator[None]:
    """The file with one changed bit at a time; afterwards it is as it was."""
    whole, rng = path.read_bytes(), random.Random(seed)
    for _ in range(count):
        damaged, place = bytearray(whole), rng.randrange(8 * len(whole))
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        yield
    path.write_bytes(whole)


def labelled(folder: Path) -> Dataset:
    write_classes(folder, {"cat": 8, "dog": 8})
    data = pupila.open(folder)
    append_labels(data.home, [
        Label(image, digest, "annotator:eva", True, "cat", f"2026-11-0{1 + number % 9}T00:00:00", note="audit")
        for number, (image, digest) in enumerate(data.images.select("image", "sha256").iter_rows())
    ])  # fmt: skip
    pupila.split(folder)
    return data


def read_split(folder: str) -> SplitFile | None:
    return SplitFile.read(folder)


def read_manifest(folder: str) -> pl.DataFrame:
    return pupila.open(f"{folder}/pupila.parquet").images


@pytest.mark.parametrize(("name", "read", "count"), [
    ("labels.parquet", read_history, 400), ("splits.json", read_split, 60), ("pupila.parquet", read_manifest, 60),
])  # fmt: skip
def test_every_changed_bit_of_a_kept_file_is_named(
    name: str, read: Callable[[str], object], count: int, tmp_path: Path
) -> None:
    _refuse_flips(name, read, count, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "read"), [("splits.json", read_split), ("pupila.parquet", read_manifest)])
def test_400_changed_bits_of_a_kept_file_are_named(
    name: str, read: Callable[[str], object], tmp_path: Path
) -> None:
    _refuse_flips(name, read, 400, tmp_path)


def _refuse_flips(name: str, read: Callable[[str], object], count: int, tmp_path: Path) -> None:
    labelled(tmp_path)
    (tmp_path / ".labels.copy.parquet").unlink()
    for _ in flipped(tmp_path / name, count):
        with pytest.raises(PupilaError, match=name) as fault:
            read(str(tmp_path))
        assert fault.value.remedy
    read(str(tmp_path))


def test_damaged_labels_are_restored_from_their_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = labelled(tmp_path)
    opened = pupila.open(tmp_path)
    path, history, whole = (
        tmp_path / "labels.parquet",
        read_history(data.home),
        (tmp_path / "labels.parquet").read_bytes(),
    )
    for damaged in (b"", whole[:-9], whole[:200] + b"?" + whole[201:]):
        path.write_bytes(damaged)
        assert read_history(data.home).equals(history)
    sentence = f"{path} is damaged; its copy has 16 labels, the last of 2026-11-09T00:00:00, and is used.\n"
    assert capsys.readouterr().err == sentence  # once
    assert pupila.open(tmp_path).hash == opened.hash
    append_labels(data.home, [Label("cat/000.jpg", "0", "annotator:eva", True, "cat", "2026-11-01")])
    assert read_history(data.home)[:-1].equals(history) and pl.read_parquet(path).height == 17
    (stored,) = tmp_path.glob(".labels.damaged-*.parquet")
    assert stored.read_bytes() == damaged
    assert (tmp_path / ".labels.copy.parquet").read_bytes() == path.read_bytes()


def test_the_copy_of_labels_stands_in_for_no_newer_and_no_deleted_file(tmp_path: Path) -> None:
    data = labelled(tmp_path)
    newer = read_history(data.home).drop("votes")
    newer.write_parquet(tmp_path / "labels.parquet", metadata={"pupila.schema": "99"})
    with pytest.raises(PupilaError, match="newer Pupila"):
        read_history(data.home)
    (tmp_path / "labels.parquet").unlink()
    assert read_history(data.home).is_empty()


def test_a_split_whose_line_ends_were_changed_is_read(tmp_path: Path) -> None:
    labelled(tmp_path)
    path = tmp_path / "splits.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert SplitFile.read(str(tmp_path)) is not None


def test_files_of_an_earlier_pupila_have_no_checksum_and_get_one_when_they_are_written(
    tmp_path: Path,
) -> None:
    data = labelled(tmp_path)
    history = read_history(data.home)
    history.write_parquet(tmp_path / "labels.parquet", metadata={"pupila.schema": "2"})
    splits = (tmp_path / "splits.json").read_text().splitlines(keepends=True)
    (tmp_path / "splits.json").write_text("".join(line for line in splits if '"checksum"' not in line))
    assert read_history(data.home).equals(history)
    assert SplitFile.read(data.home) is not None
    append_labels(data.home, [Label("cat/000.jpg", "0", "annotator:eva", True, "cat", "2026-11-01")])
    assert b"pupila-crc32:" in (tmp_path / "labels.parquet").read_bytes()


def _caches(kind: str, pattern: str) -> list[Path]:
    return sorted((files.cache_folder() / kind).glob(pattern))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("kind", "pattern"), [("readings", "*/*.parquet"), ("pairs", "*.json")])
def test_a_damaged_cache_is_made_again_and_changes_nothing(
    kind: str, pattern: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path / "data", {"cat": 6, "dog": 6})
    first = pupila.open(tmp_path / "data")
    pairs = first.pairs
    (path,) = _caches(kind, pattern)
    for _ in flipped(path, 25):
        again = pupila.open(tmp_path / "data")
        assert again.pairs == pairs and again.images.drop("_part").equals(first.images.drop("_part"))
        assert "is damaged and is made again" in capsys.readouterr().err
        assert path.exists() or kind == "readings"
        for fresh in {*_caches(kind, pattern)} - {path}:
            fresh.unlink()


@pytest.mark.usefixtures("cache")
def test_damaged_copies_are_made_again_from_their_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path / "data", {"cat": 4, "dog": 4})
    first = pupila.open(tmp_path / "data")
    rows = list(range(8))
    grey, colour = first.thumbnails(rows), first.miniatures(rows)
    (path,) = _caches("readings", "*/*.copies")
    whole = path.read_bytes()
    for _ in flipped(path, 60):
        again = pupila.open(tmp_path / "data")
        assert np.array_equal(again.thumbnails(rows), grey) and np.array_equal(again.miniatures(rows), colour)
        assert capsys.readouterr().err.count("is damaged and is made again") == 1
        assert path.read_bytes() == whole
    for _ in flipped(path, 1):
        damaged = pupila.open(tmp_path / "data")
        for image in (tmp_path / "data").rglob("*.jpg"):
            image.write_bytes(b"x")
        with pytest.raises(PupilaError, match="can't be made again"):
            damaged.thumbnails(rows), damaged.miniatures(rows)


@pytest.mark.usefixtures("cache")
def test_damaged_facts_of_masks_and_of_unpacked_tables_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scenes(tmp_path / "scenes", 4)
    write_shard(tmp_path / "table", "train.parquet", range(4), records=True, described=False)
    for folder, kind, pattern in (("scenes", "masks", "*.parquet"), ("table", "embedded", "*/rows.parquet")):
        first = pupila.open(tmp_path / folder)
        (path,) = _caches(kind, pattern)
        for _ in flipped(path, 10):
            assert pupila.open(tmp_path / folder).hash == first.hash
            assert "is damaged and is made again" in capsys.readouterr().err


def test_a_damaged_image_of_the_same_size_and_time_is_called_damaged(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 2})
    path = tmp_path / "cat/000.jpg"
    pupila.open(tmp_path, layout="folders")
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:-1] + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(PupilaError, match=r"(?s)size and time are the same: it is damaged.*touch .*000\.jpg"):
        pupila.open(tmp_path, layout="folders").content(0)
