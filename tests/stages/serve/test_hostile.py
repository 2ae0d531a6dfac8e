"""Many hostile clients at once: no failure of the server, no hang, bounded memory, and others get predictions."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

import pupila
from tests.artifacts.web.clients import connect, read_response
from tests.colours import plain, write_colours
from tests.pictures import encoded
from tests.stages.serve.hostile import requests
from tests.stages.serve.test_service import form, send_request

RED = encoded(plain(255, 0, 0))
ALLOWED = {200, 400, 404, 405, 408, 413, 414, 415, 422, 431, 503, 507}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_colours(tmp_path_factory.mktemp("served") / "bundle").folder
    with pupila.serve(folder, max_bytes=200_000, max_files=3, threads=1, request_timeout=5) as service:
        yield service.url.removeprefix("http://")


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


def check_attack(server: str, seed: int, number: int, clients: int) -> None:
    port = int(server.rpartition(":")[2])
    with contextlib.ExitStack() as hold, ThreadPoolExecutor(clients) as threads:
        attacks = list(islice(requests(seed, RED), number))
        running = [threads.submit(attack, port, pieces, hold) for pieces in attacks]
        for _ in range(10):
            status, body, _ = send_request(server, "POST", "/predict/single", *form(("x.png", RED)))
            assert (status, body.get("prediction")) in ((200, "red"), (503, None))
        statuses = {status for result in running for status in result.result()} - {100}
        assert statuses <= ALLOWED and len(statuses) > 3
        for _ in range(20):
            status, body, headers = send_request(server, "POST", "/predict/single", *form(("x.png", RED)))
            if status != 503:
                break
            time.sleep(int(headers["retry-after"]))  # as a well-behaved client does
        assert (status, body.get("prediction")) == (200, "red"), body


def test_hostile_requests_are_refused_and_others_predicted(server: str) -> None:
    check_attack(server, 1, 60, 8)


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
        server = process.stdout.readline().strip().removeprefix("http://")
        check_attack(server, 99, 100, 64)
        before = resident(process.pid)
        for seed in range(8):
            check_attack(server, seed, 600, 64)
        assert resident(process.pid) - before < 100_000_000
