"""Snapshots and restorings that are killed at random writes end as if they had not been."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.versions.history import read_log, versions_folder
from pupila.core import files
from tests.artifacts.dataset.versions.layouts import change_pixels
from tests.artifacts.dataset.versions.test_restore import content
from tests.conftest import REPOSITORY
from tests.pictures import write_classes

KILLS = 6


def die(data: Path, store: str, number: int) -> bool:
    """Whether it was killed at that write; what an earlier one wrote is not written again, so it may have ended."""
    command = [sys.executable, "-m", "tests.artifacts.dataset.versions.child", str(data), store, str(number)]
    process = subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, timeout=120)
    assert process.returncode in (-9, 0), process.stderr.decode()
    return process.returncode == -9


@pytest.mark.slow
def test_killed_snapshots_and_restorings_lose_nothing(tmp_path: Path) -> None:
    rng, store = random.Random(20), tmp_path / "store"
    shop = write_classes(tmp_path / "shop", {"cat": 5, "dog": 4})
    split = pupila.split(shop)
    killed = [die(shop, str(store), rng.randint(1, 45)) for _ in range(KILLS)]
    taken = pupila.snapshot_data(shop, note="first", store=store)
    assert taken.contents is not None
    objects = [path for path in (store / "objects").rglob("*") if path.is_file() and path.name[0] != "."]
    assert {path.name for path in objects} == {each.sha256 for each in taken.contents.files}
    assert all(files.sha256(path.read_bytes()) == path.name for path in objects)
    (entry,), faults = read_log(versions_folder(str(shop)))
    assert (entry.notes, faults) == (["first"], [])
    first = content(shop)
    for _ in range(KILLS):
        for number in range(3):
            (shop / f"cat/{number:03d}.jpg").unlink()
        (shop / "dog/000.jpg").rename(shop / "dog/new.jpg")
        change_pixels(shop / "dog/001.jpg")
        changed = content(shop)
        changed_version = pupila.snapshot_data(shop).version.name
        killed.append(die(shop, "", rng.randint(1, 40)))
        assert pupila.restore_data(shop, "first", to=shop, replace=True).is_exact
        assert content(shop) == first
        back = pupila.restore_data(shop, changed_version, to=tmp_path / "back")
        assert content(tmp_path / "back") == changed
        assert back.is_exact
        shutil.rmtree(tmp_path / "back")
    assert sum(killed) >= KILLS
    assert pupila.open(shop).hash == split.data_hash
