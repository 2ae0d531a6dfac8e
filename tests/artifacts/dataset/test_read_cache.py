"""The read cache: nothing is read twice, changed files are read again, and damage costs time only."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset import read_cache, reading
from pupila.core import files
from tests.pictures import write_classes, write_photo


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were read rather than cached."""
    paths: list[str] = []
    whole = reading.read_file_facts

    def read(root: str, entry: files.FileEntry, limits: Any) -> Any:
        paths.append(entry.path)
        return whole(root, entry, limits)

    monkeypatch.setattr(reading, "read_file_facts", read)
    return paths


def test_the_second_opening_reads_no_image(tmp_path: Path, counted: list[str]) -> None:
    write_classes(tmp_path, {"a": 5})
    first = pupila.open(tmp_path, layout="folders")
    assert len(counted) == 5
    second = pupila.open(tmp_path, layout="folders")
    assert len(counted) == 5
    assert first.images.drop("_part", "_row").equals(second.images.drop("_part", "_row"))
    assert np.array_equal(first.thumbnails([0, 4]), second.thumbnails([0, 4]))


def test_a_changed_file_and_a_new_one_are_read_and_no_other(tmp_path: Path, counted: list[str]) -> None:
    write_classes(tmp_path, {"a": 4})
    before = pupila.open(tmp_path, layout="folders").hash
    counted.clear()
    write_photo(tmp_path / "a/001.jpg", 900)
    write_photo(tmp_path / "a/new.jpg", 901)
    after = pupila.open(tmp_path, layout="folders")
    assert sorted(counted) == ["a/001.jpg", "a/new.jpg"]
    assert after.hash != before
    counted.clear()
    os.utime(tmp_path / "a/002.jpg", ns=(1, 1))
    pupila.open(tmp_path, layout="folders")
    assert counted == ["a/002.jpg"]


def test_what_a_limit_refused_is_read_under_a_higher_one(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 1})
    write_photo(tmp_path / "a/big.jpg", 7, width=200, height=100)
    refused = pupila.open(tmp_path, layout="folders", max_pixels=19_999)
    assert refused.skipped.select("subject", "code").rows() == [("a/big.jpg", "oversized")]
    assert len(pupila.open(tmp_path, layout="folders", max_pixels=20_000)) == 2


def parts() -> list[Path]:
    return sorted((files.cache_folder() / "readings").glob("*/*.parquet"))


def test_an_interrupted_read_resumes(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path, {"a": 9})
    monkeypatch.setattr(reading, "CHUNK", 3)
    whole = reading.read_file_facts

    def dies_at_the_seventh(root: str, entry: files.FileEntry, limits: Any) -> Any:
        if len(counted) >= 6:
            raise KeyboardInterrupt
        return whole(root, entry, limits)

    monkeypatch.setattr(reading, "read_file_facts", dies_at_the_seventh)
    with pytest.raises(KeyboardInterrupt):
        pupila.open(tmp_path, layout="folders")
    monkeypatch.setattr(reading, "read_file_facts", whole)
    counted.clear()
    assert len(pupila.open(tmp_path, layout="folders")) == 9
    assert sorted(counted) == ["a/006.jpg", "a/007.jpg", "a/008.jpg"]


@pytest.mark.parametrize("suffix", [".parquet", ".copies"])
def test_a_damaged_part_is_dropped_and_read_again(tmp_path: Path, counted: list[str], suffix: str) -> None:
    write_classes(tmp_path, {"a": 3})
    old = set(parts())
    data = pupila.open(tmp_path, layout="folders")
    (part,) = set(parts()) - old
    damaged = part.with_suffix(suffix)
    damaged.write_bytes(damaged.read_bytes()[:-10])
    counted.clear()
    again = pupila.open(tmp_path, layout="folders")
    assert len(counted) == 3
    assert again.hash == data.hash


def test_merged_parts_keep_every_copy_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path, {"a": 12})
    want = pupila.open(tmp_path, layout="folders").thumbnails(list(range(12)))
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "other cache"))
    monkeypatch.setattr(reading, "CHUNK", 1)
    monkeypatch.setattr(read_cache, "MOST_PARTS", 4)
    for data in (pupila.open(tmp_path, layout="folders"), pupila.open(tmp_path, layout="folders")):
        assert np.array_equal(data.thumbnails(list(range(12))), want)
    assert len(parts()) <= 4


def test_a_cache_that_can_not_be_written_to_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path / "data", {"a": 3})
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "file/below"))
    data = pupila.open(tmp_path / "data", layout="folders")
    assert len(data) == 3
    assert data.pairs == []
