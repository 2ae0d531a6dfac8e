"""Leases: one holder at a time, in this process and in others; those of killed processes and lost machines are free."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pupila.artifacts.sweep import lease
from pupila.artifacts.sweep.lease import HeldLease, Lease, hold_cell, read_lease

HOLDER = """
import sys, time
from pupila.artifacts.sweep.lease import hold_cell
with hold_cell(sys.argv[1], "s") as held:
    print("held" if held else "busy", flush=True)
    sys.stdin.readline()
"""


def start_holder(cell: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(cell)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    return process


def write(cell: Path, host: str, age: float, session: str = "s", epochs: int = 0, pid: int = 1) -> None:
    then = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
    cell.mkdir(parents=True, exist_ok=True)
    stored = Lease(host=host, pid=pid, start=then, heartbeat=then, session=session, epochs=epochs)
    (cell / "lease.json").write_text(stored.model_dump_json())


def test_a_cell_has_one_holder_and_is_free_when_the_other_process_ends_or_is_killed(tmp_path: Path) -> None:
    cell = tmp_path / "cell"
    other = start_holder(cell)
    with hold_cell(str(cell), "s") as held:
        assert held is None
    stored = read_lease(f"{cell}/lease.json")
    assert stored is not None and (stored.host, stored.pid) == (socket.gethostname(), other.pid)
    assert stored.is_live and datetime.fromisoformat(stored.start)
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    stored = read_lease(f"{cell}/lease.json")
    assert stored is not None and not stored.is_live  # it lies there, and nobody holds it
    with hold_cell(str(cell), "s") as held:
        assert held is not None and held.lease.pid == os.getpid() and held.lease.kills == 1
        with hold_cell(str(cell), "s") as second:
            assert second is None
    assert not (cell / "lease.json").exists()


def test_a_heartbeat_of_another_machine_keeps_its_cell_until_it_is_too_old(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere", age=5)
    with hold_cell(str(tmp_path), "s") as held:
        assert held is None
    write(tmp_path, "elsewhere", age=lease.STALE_AFTER + 5)
    with hold_cell(str(tmp_path), "s") as held:
        assert held is not None


def test_a_damaged_lease_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text('{"host": ')
    with hold_cell(str(tmp_path), "s") as held:
        assert held is not None


@pytest.mark.parametrize(
    ("session", "epochs", "kills"), [("s", 3, 1), ("s", 2, 0), ("earlier", 3, 0)],
    ids=["no-progress", "progress", "other-session"],
)  # fmt: skip
def test_a_kill_counts_within_a_session_and_without_a_new_epoch(
    session: str, epochs: int, kills: int, tmp_path: Path
) -> None:
    (tmp_path / "log.jsonl").write_text("{}\n" * 3)
    write(tmp_path, socket.gethostname(), age=1, session=session, epochs=epochs)
    with hold_cell(str(tmp_path), "s") as held:
        assert held is not None and held.lease.kills == kills and held.lease.epochs == 3


def test_the_heartbeat_is_renewed_and_a_lease_that_was_taken_over_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.01)
    path = f"{tmp_path}/lease.json"
    with hold_cell(str(tmp_path), "s") as held:
        assert held is not None
        first = held.lease.heartbeat
        while (stored := read_lease(path)) is None or stored.heartbeat == first:
            pass
        while held._thread.is_alive():  # a heartbeat that had begun may still overwrite the first one
            write(tmp_path, "elsewhere", age=0)
        assert not held.is_ours
    stored = read_lease(path)
    assert stored is not None and stored.host == "elsewhere"
    assert isinstance(held, HeldLease)
