"""Many hostile clients at once: no failure of the server, no hang, bounded memory, and others get predictions."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.web.tokens import add_token
from tests.artifacts.web.clients import connect, read_response
from tests.colours import plain, write_colours, write_pointing
from tests.pictures import encoded
from tests.stages.serve.hostile import requests
from tests.stages.serve.test_segment import click
from tests.stages.serve.test_service import form, send_request

RED = encoded(plain(255, 0, 0))
ALLOWED = {200, 400, 401, 404, 405, 408, 413, 414, 415, 422, 431, 503, 507}


@dataclass(frozen=True)
class Attacked:
    """A service, and what a client in good faith sends to it and expects."""

    address: str
    path: str
    body: bytes
    headers: dict[str, str]
    expected: tuple[str, Any]  # a field of the response

    def check(self) -> int:
        """Send the request; its status, 200 or 503. Then it waits as long as it should."""
        status, body, headers = send_request(self.address, "POST", self.path, self.body, self.headers)
        field, value = self.expected
        assert (status, body.get(field)) in ((200, value), (503, None)), body
        if status == 503:
            time.sleep(int(headers["retry-after"]))  # as a well-behaved client does
        return status


def attacked(address: str, token: str = "") -> Attacked:
    """A service that predicts colours."""
    body, headers = form(("x.png", RED))
    if token:
        headers |= {"Authorization": f"Bearer {token}"}
    return Attacked(address, "/predict/single", body, headers, ("prediction", "red"))


@pytest.fixture(params=["open", "promptable", "guarded"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Attacked]:
    settings: dict[str, Any] = {"max_bytes": 200_000, "max_files": 3, "threads": 1, "request_timeout": 5}
    token = ""
    write: Any = write_colours
    if request.param == "guarded":
        settings |= {"tokens": str(tmp_path / "tokens.json"), "address_rate": "100000/s"}
        _, token = add_token(settings["tokens"], ["predict"], None, None, "a test")
    if request.param == "promptable":
        write = write_pointing
    with pupila.serve(write(tmp_path / "bundle").folder, **settings) as running:
        known = attacked(running.url.removeprefix("http://"), token)
        if request.param == "promptable":
            known = Attacked(known.address, "/segment", *click(RED, points="[[3,3]]"), ("width", 16))
        yield known


def attack(port: int, pieces: list[bytes], hold: contextlib.ExitStack) -> list[int]:
    """The statuses of the answers to one request; half of the connection is closed, or it is left open."""
    connection = connect(port, *pieces)
    with contextlib.suppress(OSError):
        connection.shutdown(1)
    _, response = read_response(connection)
    hold.enter_context(connect(port, b"".join(pieces)[:30]))  # and one that never ends its request
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", response)]


def resident(pid: int | str) -> int:
    """The largest memory of a process so far, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def check_attack(service: Attacked, seed: int, number: int, clients: int) -> None:
    port = int(service.address.rpartition(":")[2])
    with contextlib.ExitStack() as hold, ThreadPoolExecutor(clients) as threads:
        token = service.headers.get("Authorization")
        header = f"Authorization: {token}\r\n".encode() if token else b""
        attacks = list(islice(requests(seed, RED, header), number))
        running = [threads.submit(attack, port, pieces, hold) for pieces in attacks]
        for _ in range(4):
            service.check()
        statuses = {status for result in running for status in result.result()} - {100}
        assert statuses <= ALLOWED and len(statuses) > 3
        assert any(service.check() == 200 for _ in range(20))


def test_hostile_requests_are_refused_and_others_predicted(service: Attacked) -> None:
    check_attack(service, 9, 24, 8)


@pytest.mark.slow
def test_sixty_four_hostile_clients(tmp_path: Path) -> None:
    folder = write_colours(tmp_path / "bundle").folder
    code = (
        "import pupila, sys; service = pupila.serve(sys.argv[1], threads=1); "
        "print(service.url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        service = attacked(process.stdout.readline().strip().removeprefix("http://"))
        check_attack(service, 99, 100, 64)
        before = resident(process.pid)
        for seed in range(8):
            check_attack(service, seed, 600, 64)
        assert resident(process.pid) - before < 100_000_000
