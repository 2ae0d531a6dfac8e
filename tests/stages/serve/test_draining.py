"""SIGTERM: the service says that it is not ready while it still takes requests, and a second signal ends it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pupila
from tests.colours import write_colours
from tests.stages.serve.test_metrics import RED, scrape, send
from tests.stages.serve.test_service import send_request


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A service that drains for as long as the test needs, and its address."""
    bundle = write_colours(tmp_path / "b").folder
    command = [sys.executable, "-m", "pupila", "serve", bundle, "--port", "0", "--drain-seconds", "600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, line.split("http://")[1].split()[0]
    process.kill()
    process.wait()
    process.stdout.close()


def wait_until_draining(address: str) -> None:
    while send_request(address, "GET", "/health/ready")[0] == 200:
        pass


def test_a_draining_service_is_not_ready_and_still_predicts(
    process: tuple["subprocess.Popen[str]", str],
) -> None:
    server, address = process
    assert send_request(address, "GET", "/health/ready")[1]["status"] == "ready"
    assert send_request(address, "GET", "/")[1]["status"] == "ok"
    server.send_signal(signal.SIGTERM)
    wait_until_draining(address)
    status, body, _ = send_request(address, "GET", "/health/ready")
    assert (status, body["status"], body["reason"]) == (503, "not-ready", "draining")
    status, body, _ = send_request(address, "GET", "/health")
    assert (status, body["status"]) == (503, "draining")
    assert send_request(address, "GET", "/")[1]["status"] == "draining"
    with pupila.Client(f"http://{address}", retries=0) as client:
        assert client.health().model_dump() == body
        assert client.ready().reason == "draining"
    assert send_request(address, "GET", "/health/live")[0] == 200
    assert send(address, RED) == 200
    assert scrape(address)["pupila_ready", ()] == 0
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def test_ctrl_c_ends_a_draining_service(process: tuple["subprocess.Popen[str]", str]) -> None:
    server, address = process
    assert send_request(address, "GET", "/health/ready")[0] == 200
    server.send_signal(signal.SIGTERM)
    wait_until_draining(address)
    server.send_signal(signal.SIGINT)
    server.wait(60)
