"""Processes that are killed at any write: what they reported is stored, and the next command continues."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import read_test_accesses
from pupila.core import writing
from tests.conftest import REPOSITORY
from tests.pictures import write_classes

NEVER = 10**9


def _keep(data: Path, number: int) -> tuple[int, list[str]]:
    """Whether it was killed at this write, and what it reported."""
    command = [sys.executable, "-m", "tests.killing", str(data), str(number)]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return finished.returncode, finished.stdout.splitlines()


def _check(data: Path, reported: list[str]) -> None:
    stored = [f"label {name.removeprefix('annotator:')}" for name in read_history(str(data))["labeller"]]
    accesses = [f"access {access.model}" for access in read_test_accesses(str(data))]
    assert {line for line in reported if line != "split"} <= {*stored, *accesses}
    assert (
        len(set(stored)) == len(stored) and len(set(accesses)) == len(accesses) and "access " not in accesses
    )
    assert "split" not in reported or SplitFile.read(str(data)) is not None
    pupila.open(data)


def test_a_killed_process_loses_nothing_that_it_reported(tmp_path: Path) -> None:
    _kill(tmp_path, [30])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_processes_killed_at_any_write_lose_nothing(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    _kill(tmp_path, [rng.randint(1, 25), *(rng.randint(20, 120) for _ in range(4))])


def _kill(folder: Path, strikes: list[int]) -> None:
    data, reported = write_classes(folder / "data", {"cat": 10, "dog": 10}), list[str]()
    for number in strikes:
        code, lines = _keep(data, number)
        assert code == -9, (number, lines)
        reported += lines
        _check(data, reported)
    code, lines = _keep(data, NEVER)
    assert (code, len(lines)) == (0, 21)
    _check(data, reported + lines)
    assert not [path for path in data.rglob("*") if writing.is_partial(path.name)]
