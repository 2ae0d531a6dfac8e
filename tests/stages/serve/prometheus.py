"""A Prometheus of its own for a test: it scrapes services on this machine, and is queried over its API."""

import json
import re
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.promtool import find_program

PAUSE, PAUSES = 0.05, 1200  # seconds between two looks, and how many before the test fails


class Prometheus:
    """The API of a running Prometheus."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: object) -> Any:
        """The data of a response."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=60) as response:
            return json.loads(response.read())["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The current series."""
        result: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return result

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                return True
        except OSError:
            return False


@contextmanager
def run_prometheus(folder: Path, targets: Sequence[str], interval: str) -> Iterator[Prometheus]:
    """Within it Prometheus scrapes the targets as the job `pupila`, and evaluates the alerts."""
    program = find_program("prometheus")
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "pupila", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--web.listen-address=127.0.0.1:0",
        "--log.format=json",
    ]  # fmt: skip
    with (
        (folder / "prometheus.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, stderr=log) as process,
    ):
        try:
            yield _wait_until_ready(process, folder / "prometheus.log")
        finally:
            process.terminate()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> Prometheus:
    """Its API; the port that it chose is in its log."""
    for _ in range(PAUSES):
        assert process.poll() is None, log.read_text()
        if listening := re.search(r'"address":"([^"]+:[1-9]\d*)"', log.read_text()):
            prometheus = Prometheus(listening[1])
            if prometheus.is_up():
                return prometheus
        threading.Event().wait(PAUSE)
    raise AssertionError(log.read_text())
