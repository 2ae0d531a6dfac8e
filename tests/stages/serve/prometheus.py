"""A Prometheus of its own for a test: it scrapes services on this machine, and is asked over its API."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.promtool import find_program


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "pupila", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder)
    prometheus = Prometheus(f"127.0.0.1:{port}")
    try:
        while not prometheus.is_up():
            assert process.poll() is None
        yield prometheus
    finally:
        process.terminate()
        process.wait(60)
