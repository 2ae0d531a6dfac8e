"""The lock of a run's folder."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pupila.artifacts.run.lock import LOCK_FILE, hold_run, is_training
from pupila.core.errors import PupilaError

_TRAIN = """
import sys, time
from pupila.artifacts.run.lock import hold_run
with hold_run(sys.argv[1]):
    open(sys.argv[1] + "/plan.json", "w").close()
    print(1, flush=True)
    time.sleep(60)
"""


def test_a_second_training_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", _TRAIN, str(run)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with (
        pytest.raises(PupilaError, match=f"Another process trains.*process {process.pid} on "),
        hold_run(str(run)),
    ):
        pass
    assert is_training(str(run))
    process.kill()
    process.communicate()
    assert (run / LOCK_FILE).exists()
    assert not is_training(str(run))
    for left in (
        ".plan.json.0123abcd.part",
        ".bundle.1234abcd/model.onnx",
        "checkpoints/.head-last.01234567.part",
    ):
        (run / left).parent.mkdir(exist_ok=True)
        (run / left).write_bytes(b"half")
    with hold_run(str(run)):
        assert {path.name for path in run.iterdir()} == {"plan.json", "checkpoints", LOCK_FILE}
        assert not list((run / "checkpoints").iterdir())
    assert not (run / LOCK_FILE).exists()


def test_a_training_that_writes_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold_run(str(tmp_path / "run")):
        raise KeyError
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(PupilaError, match="Can't write"), hold_run(str(tmp_path / "file/run")):
        pass


def test_a_bundle_whose_replacement_was_killed_between_the_steps_is_brought_back(tmp_path: Path) -> None:
    (tmp_path / ".bundle.old").mkdir()
    (tmp_path / ".bundle.old/model.onnx").write_bytes(b"whole")
    with hold_run(str(tmp_path)):
        assert (tmp_path / "bundle/model.onnx").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, False),
        ("", False),
        ("process 1 on another-machine, since 2026-01-01T00:00:00+00:00", True),
        (f"process {10**30} on {socket.gethostname()}, since 2026-01-01", False),
    ],
    ids=["none", "empty", "another machine", "no process"],
)
def test_whether_a_process_trains_is_read_from_the_lock(
    content: str | None, expected: bool, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / LOCK_FILE).write_text(content)
    assert is_training(str(tmp_path)) is expected
