"""W&B: offline runs, read back from their `.wandb` file; no login and no network."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.run.log import write_log
from pupila.artifacts.run.plan import INTERRUPTED, RUNNING
from tests.stages.track.runs import make_lines, number_or_none, read_log_points, write_run
from tests.stages.track.wandb_file import read_first, read_rows, read_summary


def find_file(folder: Path) -> Path:
    """The only offline run."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return path


def read_curves(rows: list[dict[str, Any]]) -> dict[str, list[tuple[int, Any]]]:
    """Curve -> (epoch, figure), by the axis of its part."""
    points: dict[str, list[tuple[int, Any]]] = {}
    for row in rows:
        (axis,) = (name for name in row if name.endswith("/epoch"))
        part = axis.removesuffix("epoch")
        for name, value in row.items():
            if name.startswith(part) and name != axis:
                points.setdefault(name, []).append((row[axis], number_or_none(value)))
    return points


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, and nobody may open a connection that leaves this machine."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"connects to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):  # of W&B's own process, too
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")


@pytest.mark.usefixtures("offline")
def test_a_run_resumed_three_times_is_one_curve(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    to = f"wandb:{tmp_path}"
    folder = write_run(tmp_path / "run", make_lines(1), RUNNING)
    changes = []
    for epochs in (1, 2, 4):
        write_log(str(folder), make_lines(epochs))
        changes += [pupila.track(folder, to=to).runs[0].change for _ in range(2)]
    write_run(folder, make_lines(5) + make_lines(2, "finetune"))
    result = pupila.track(folder, to=to)
    changes.append(result.runs[0].change)
    assert changes == ["new", "unchanged", "updated", "unchanged", "updated", "unchanged", "updated"]
    path = find_file(tmp_path)
    rows = read_rows(path)
    assert [row["_step"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert read_curves(rows) == read_log_points(folder)
    run = read_first(path, "run")
    assert (run.project, run.display_name, run.run_id) == ("shop", "run", path.stem.removeprefix("run-"))
    assert read_summary(path)["validation/accuracy_low"] == 0.8
    assert read_first(path, "exit").exit_code == 0
    assert result.hint == f"wandb sync {tmp_path}/wandb"
    printed = capfd.readouterr()  # the progress of Pupila alone
    assert printed.out == "" and "wandb" not in printed.err
    assert (path.parent / "files/report.html").read_text() == "<p>report</p>"


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_another_training_in_the_folder_is_another_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", state=INTERRUPTED)
    pupila.track(folder, to=f"wandb:{tmp_path}")
    write_run(folder, created="2026-05-01T00:00:00+00:00")
    result = pupila.track(folder, to=f"wandb:{tmp_path}")
    assert result.runs[0].change == "new"
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))) == 2
