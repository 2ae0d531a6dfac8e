"""A run whose machine goes away is resumed from its mirror on another one, and ends with the same weights."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.mirror_file import MIRROR_FILE, STATE, parse_mirror
from pupila.core import files
from tests.conftest import REPOSITORY
from tests.pictures import write_classes
from tests.s3 import BUCKET, Server, emptied, s3_server
from tests.stages.train.mirrored import SETTINGS

MIRROR = f"s3://{BUCKET}/runs/first"
DATA = f"s3://{BUCKET}/data"


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("pets"), {"cat": 28, "dog": 28})


@pytest.fixture
def server(started: Server, pictures: Path) -> Server:
    """A bucket with data, labels and split, which lie nowhere else."""
    server = emptied(started)
    for path in sorted(pictures.rglob("*.*")):
        files.write_bytes(f"{DATA}/{path.relative_to(pictures).as_posix()}", path.read_bytes())
    pupila.split(DATA)
    return server


def machine(folder: Path, how: str = "none", out: str = "run") -> tuple[int, str]:
    """Exit code and output of a training on a machine with a disk of its own, and an empty cache."""
    arguments = [sys.executable, "-m", "tests.stages.train.mirrored", DATA, str(folder / out), MIRROR, how]
    surroundings = os.environ | {"PUPILA_CACHE": str(folder / "cache")}
    child = subprocess.run(
        arguments, cwd=REPOSITORY, env=surroundings, capture_output=True, text=True, check=False
    )
    return child.returncode, child.stdout + child.stderr


def results(run: str) -> list[str]:
    names = ("bundle/weights.safetensors", "oof.parquet", "outcomes.npz")
    return [files.sha256(files.read_bytes(f"{run}/{name}")) for name in names]


def test_killed_and_terminated_machines_are_followed_by_others(server: Server, tmp_path: Path) -> None:
    whole = pupila.train(DATA, out=tmp_path / "whole", tell=lambda line: None, workers=0, **SETTINGS)
    code, output = machine(tmp_path / "first", "kill:1")  # at the end of the second of 4 epochs
    assert code == -9, output
    shutil.rmtree(tmp_path / "first")
    code, output = machine(tmp_path / "second", "term:2")
    assert code == 143, output
    assert f"Restored the run from its mirror {MIRROR}." in output, output
    stored = parse_mirror(MIRROR, files.read_bytes(f"{MIRROR}/{MIRROR_FILE}"))
    assert {entry.stored.split("/")[0] for entry in stored.files.values()} == {STATE}
    shutil.rmtree(tmp_path / "second")
    code, output = machine(tmp_path / "third")
    assert code in (0, 1), output
    assert f"The mirror {MIRROR} has the run: " in output
    local = str(tmp_path / "third" / "run")
    assert results(local) == results(whole.folder) == results(MIRROR)  # it can be read where it lies
    assert pupila.load(MIRROR).bundle.hash == pupila.load(local).bundle.hash
    assert not [entry for entry in files.walk(f"{MIRROR}/{STATE}")] and not list(Path(local).glob(".*"))
    assert len(Run(local).log) == 4
