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
from pupila.core.errors import PupilaError
from tests.conftest import REPOSITORY
from tests.s3 import BUCKET, Server, emptied, s3_server
from tests.stages.train.mirrored import SETTINGS, upload, write_pets

MIRROR = f"s3://{BUCKET}/runs/first"
DATA = f"s3://{BUCKET}/data"


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as server:
        yield server


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pets(tmp_path_factory.mktemp("pets"))


@pytest.fixture
def server(started: Server, pictures: Path) -> Server:
    """A bucket with data, labels and split."""
    server = emptied(started)
    upload(pictures, DATA)
    return server


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that nothing interrupted, and its mirror."""
    folder = tmp_path_factory.mktemp("whole")
    pupila.train(pictures, out=folder / "run", mirror=folder / "mirror", tell=lambda line: None, **SETTINGS)
    return folder


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


@pytest.mark.parametrize(
    ("how", "expected"), [("kill:1", -9), pytest.param("term:2", 143, marks=pytest.mark.slow)]
)
def test_a_lost_machine_is_followed_by_another_one(
    how: str, expected: int, server: Server, whole: Path, tmp_path: Path
) -> None:
    code, output = machine(tmp_path / "first", how)  # after some of 4 epochs
    assert code == expected, output
    stored = parse_mirror(MIRROR, files.read_bytes(f"{MIRROR}/{MIRROR_FILE}"))
    assert {entry.stored.split("/")[0] for entry in stored.files.values()} == {STATE}
    shutil.rmtree(tmp_path / "first")
    code, output = machine(tmp_path / "second")
    assert code in (0, 1), output  # 1: collapsed
    assert f"Restored the run from its mirror {MIRROR}." in output, output
    assert f"The mirror {MIRROR} has the run: " in output
    local = str(tmp_path / "second" / "run")
    assert results(local) == results(str(whole / "run")) == results(MIRROR)  # it can be read where it lies
    assert pupila.load(MIRROR).bundle.hash == pupila.load(local).bundle.hash
    assert not list(files.walk(f"{MIRROR}/{STATE}")) and not list(Path(local).glob(".*"))
    assert len(Run(local).log) == 4


def test_another_run_is_never_overwritten(pictures: Path, whole: Path, tmp_path: Path) -> None:
    before = (whole / "mirror" / MIRROR_FILE).read_bytes()
    with pytest.raises(PupilaError, match=r"The mirror has another run\. The run to resume has other"):
        pupila.train(pictures, out=tmp_path / "second", mirror=whole / "mirror", **SETTINGS | {"epochs": 1})
    assert (whole / "mirror" / MIRROR_FILE).read_bytes() == before
    assert not (tmp_path / "second").exists()


def test_a_store_that_fails_stops_no_training(server: Server, tmp_path: Path) -> None:
    server.fault = lambda method, path, query: (
        (403, "AccessDenied") if "/runs/" in path and method == "PUT" else None
    )
    notes: list[str] = []
    run = pupila.train(
        DATA, out=tmp_path / "run", mirror=MIRROR, tell=lambda line: notes.append(str(line)),
        **SETTINGS | {"epochs": 1},
    )  # fmt: skip
    assert not run.is_mirrored and run.bundle.hash
    assert notes[-1].startswith(f"The mirror {MIRROR} does not have all of the run: Access to ")


def test_a_mirror_that_cannot_be_read_begins_no_other_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pupila.artifacts.run.mirror._WAITS", (0.0, 0.0))
    server.fault = lambda method, path, query: (403, "AccessDenied") if "/runs/" in path else None
    with pytest.raises(PupilaError, match=r"Can't tell whether .* has the run already"):
        pupila.train(DATA, out=tmp_path / "run", mirror=MIRROR, **SETTINGS | {"epochs": 1})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("places", "problem"), [
    ({"mirror": MIRROR}, "--mirror needs the folder of the run"),
    ({"mirror": "runs", "out": "runs/first"}, "A mirror is another folder than that of the run"),
    ({"mirror": "nowhere", "out": "runs/first"}, "A mirror is another folder than that of the data"),
    ({"mirror": "nowhere/runs", "out": "runs/first"}, "A mirror is another folder than that of the data"),
    ({"out": MIRROR}, "A run can only be written to a local disk"),
])  # fmt: skip
def test_places_that_cannot_be_are_refused(places: dict[str, str], problem: str) -> None:
    with pytest.raises(PupilaError, match=problem):
        pupila.train("nowhere", **places)  # type: ignore[arg-type]
