"""Kills of the sweep's process and of its workers at any write end in the table of an undisturbed sweep."""

import multiprocessing
import shutil
import signal
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import pupila
from pupila.artifacts.sweep.folder import Sweep
from tests.experiments import child
from tests.pictures import write_classes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


PRELOAD = [
    "tests.experiments.child",
    "pupila.stages.train.cell",
    "torch._dynamo",
    "torch.onnx",
]  # loaded once


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classes(tmp_path_factory.mktemp("shop") / "pets", {"cat": 12, "dog": 12})
    pupila.split(folder, val=0.3)
    return folder


def run_until_it_ends(data: Path, out: Path, jobs: int, kills: int) -> int:
    """Start the sweep again whenever it was killed; the number of kills of the sweep's own process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    struck = 0
    while True:
        process = context.Process(target=child.run, args=(str(data), str(out), jobs, kills))
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0
            return struck
        struck += 1


def check_same(first: Path, other: Path) -> None:
    """Tables, figures and predictions are the same, and no trace of a failure is left."""
    assert Sweep(str(first)).table_hash == Sweep(str(other)).table_hash
    cells = sorted(path.name for path in (first / "cells").iterdir())
    assert cells == sorted(path.name for path in (other / "cells").iterdir())
    for name in cells:
        folders = [first / "cells" / name, other / "cells" / name]
        predictions = [(folder / "oof.parquet").read_bytes() for folder in folders]
        weights = [load_file(folder / "checkpoints/finetune-best.safetensors") for folder in folders]
        assert predictions[0] == predictions[1]
        assert all(tensor.equal(weights[1][key]) for key, tensor in weights[0].items())
        assert not (other / "cells" / name / "error.json").exists()


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "sweep"
    assert run_until_it_ends(data, out, jobs=1, kills=0) == 0
    assert {cell.state for cell in Sweep(str(out)).cells} <= {"completed", "collapsed"}
    return out


def test_a_killed_sweep_resumes_to_the_same_table(data: Path, undisturbed: Path, tmp_path: Path) -> None:
    assert run_until_it_ends(data, tmp_path / "sweep", jobs=1, kills=4) > 1
    check_same(undisturbed, tmp_path / "sweep")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_twenty_kills_of_workers_and_of_the_sweep_end_in_the_same_table(
    jobs: int, data: Path, undisturbed: Path, tmp_path: Path
) -> None:
    run_until_it_ends(data, tmp_path / "sweep", jobs, kills=20)
    assert len((tmp_path / child.KILLS).read_text().splitlines()) == 20
    check_same(undisturbed, tmp_path / "sweep")
    shutil.rmtree(tmp_path)
