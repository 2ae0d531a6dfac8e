"""MLflow's own page shows the runs: its server on a free port, looked at by a headless Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import pupila
from tests.stages.track.runs import make_lines, write_run
from tests.stages.track.test_sweep import write_cells

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
LATER = "2026-03-02T12:00:00+00:00"
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--window-size=1500,900", "--virtual-time-budget=30000")  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
def test_the_page_lists_the_runs(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    runs = [
        write_run(tmp_path / "first", make_lines(3)),
        write_run(tmp_path / "second", make_lines(5), created=LATER),
    ]
    pupila.track([*map(str, runs), write_cells(tmp_path / "grid")], to=f"mlflow:{uri}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        uri,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port, server)
        page = f"http://127.0.0.1:{port}/#/experiments/1/runs"
        picture = Path(os.environ.get("PUPILA_PICTURES", tmp_path)) / "mlflow.png"
        shown = _browse(tmp_path, "--dump-dom", f"--screenshot={picture}", page)
    finally:
        server.terminate()
        server.wait()
    assert all(name in shown for name in ("first", "second", "grid")), shown[-2000:]
    assert picture.stat().st_size > 20_000


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers; it takes some tens of seconds on a busy machine."""
    for _ in range(600):
        assert server.poll() is None
        try:
            if (
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False).status_code
                == httpx.codes.OK
            ):
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise TimeoutError


def _browse(folder: Path, *arguments: str) -> str:
    command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder}/browser", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=420).stdout
