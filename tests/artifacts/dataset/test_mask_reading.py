"""The cache of masks: nothing is read twice, changed files are read again, and old rows are dropped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pupila
from pupila.artifacts.dataset import mask_reading
from pupila.core import files
from tests.artifacts.dataset.test_annotations import SQUARE, annotation, coco, photos
from tests.artifacts.dataset.test_masks import TWO, pair


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/masks"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The targets that were read rather than cached."""
    targets: list[str] = []
    whole = mask_reading._read

    def read(root: str, key: Any, *rest: Any) -> Any:
        targets.append(key[0])
        return whole(root, key, *rest)

    monkeypatch.setattr(mask_reading, "_read", read)
    return targets


def read_cached(cache: Path) -> list[str]:
    return [target for path in cache.glob("*.parquet") for target in pl.read_parquet(path)["target"]]


def test_a_changed_mask_and_a_new_one_are_read_and_no_other(
    tmp_path: Path, cache: Path, counted: list[str]
) -> None:
    for name in "abc":
        pair(tmp_path / "data", TWO, name)
    for _ in range(2):
        pupila.open(tmp_path / "data")
    assert sorted(counted) == ["masks/a.png", "masks/b.png", "masks/c.png"]
    counted.clear()
    pair(tmp_path / "data", 1 - TWO, "b")
    pair(tmp_path / "data", TWO, "d")
    pupila.open(tmp_path / "data")
    assert sorted(counted) == ["masks/b.png", "masks/d.png"]
    assert sorted(read_cached(cache)) == ["masks/a.png", "masks/b.png", "masks/c.png", "masks/d.png"]


def test_annotations_that_are_written_again_leave_nothing_old(tmp_path: Path, cache: Path) -> None:
    photos(tmp_path / "data", "1", "2")
    for number in range(3):
        path = coco(tmp_path / "data/a.json", [annotation(1, 7, [SQUARE])])
        os.utime(path, ns=(number, number))
        pupila.open(tmp_path / "data")
    assert sorted(read_cached(cache)) == ["a.json#1", "a.json#2"]


def test_a_part_leaves_the_memory_of_the_whole(tmp_path: Path, counted: list[str]) -> None:
    for name in "abc":
        pair(tmp_path / "data", TWO, name)
    lines = "image,mask\nimages/a.jpg,masks/a.png\n"
    pupila.open(tmp_path / "data")
    (tmp_path / "data/some.csv").write_text(lines)
    pair(tmp_path / "data", 1 - TWO, "a")
    assert len(pupila.open(tmp_path / "data/some.csv")) == 1
    (tmp_path / "data/some.csv").unlink()
    pupila.open(tmp_path / "data")
    assert sorted(counted) == ["masks/a.png", "masks/a.png", "masks/b.png", "masks/c.png"]


def test_folders_that_are_called_alike_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, mask in (("one", TWO), ("other", 1 - TWO)):
        pair(tmp_path / folder, mask, suffix=".bmp")
        os.utime(tmp_path / folder / "masks/a.bmp", ns=(1, 1))
        monkeypatch.chdir(tmp_path / folder)
        data = pupila.open(".")
        assert np.array_equal(data.mask(0), mask)
        assert data.images["pixels"].to_list() == [[int((mask == index).sum()) for index in (0, 1)]]


def test_a_mask_that_could_not_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path / "data", TWO, "a")
    pair(tmp_path / "data", TWO, "b")
    (tmp_path / "data/masks/b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    pair(tmp_path / "data", TWO, "c")
    whole: Callable[[str], bytes] = files.read_bytes

    def refused(uri: str) -> bytes:
        if uri.endswith("masks/a.png"):
            raise PermissionError(13, "Permission denied", uri)
        return whole(uri)

    monkeypatch.setattr(files, "read_bytes", refused)
    assert pupila.open(tmp_path / "data").images["target"].to_list() == [None, None, "masks/c.png"]
    monkeypatch.setattr(files, "read_bytes", whole)
    assert pupila.open(tmp_path / "data").images["target"].to_list() == ["masks/a.png", None, "masks/c.png"]


def test_what_is_read_is_saved_ever_more_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair(tmp_path / "data", TWO, "a")
    image = Image.open(tmp_path / "data/images/a.jpg").copy()
    for number in range(63):
        image.save(tmp_path / f"data/images/{number}.jpg")
        Image.fromarray(TWO).save(tmp_path / f"data/masks/{number}.png")
    saved: list[int] = []
    whole = mask_reading._save
    monkeypatch.setattr(mask_reading, "_SAVE_EVERY", 1)

    def save(path: Path, rows: dict[Any, Any]) -> None:
        saved.append(len(rows))
        whole(path, rows)

    monkeypatch.setattr(mask_reading, "_save", save)
    pupila.open(tmp_path / "data")
    assert saved[:4] == [2, 4, 6, 9]  # every second one at first, then where a quarter is new
    assert saved[-1] == 64
    assert len(saved) < 20
