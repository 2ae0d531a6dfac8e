"""`pupila serve` with tokens and logs against the same without; a long load, rotations, and an end under load."""

import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pupila
from benchmarks.measure import real_data, real_weights, trained_bundle
from benchmarks.serving import BOUNDARY, CLIENTS, MANY_CLIENTS, encode_form

SECONDS = 8.0  # of one measurement
ROUNDS = 5
LONG = float(os.environ.get("PUPILA_LONG_SECONDS", "600"))  # of the long load
ROTATIONS = 20  # of the token within it
OVERLAP = "60s"
STARTS = 5
LOST = "lost"  # a request that had no response


@dataclass
class Tally:
    """What the clients saw."""

    statuses: Counter[str] = field(default_factory=Counter)
    taken: list[float] = field(default_factory=list)  # seconds of each request

    def p99(self) -> float:
        """Milliseconds."""
        return 1e3 * float(np.quantile(self.taken, 0.99))


def run() -> dict[str, Any]:
    """Ratios of throughput, requests lost, latencies by minute, memory, and seconds until ready."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    bundle = trained_bundle(photos, weights)
    bodies = [encode_form(path.read_bytes()) for path in sorted(photos.glob("*/val__*.jpg"))]
    with tempfile.TemporaryDirectory() as folder:
        tokens = pupila.tokens(Path(folder) / "tokens.json")
        secret = tokens.issue(["predict", "metrics"]).secret
        guards = ("--tokens", tokens.path, "--log-folder", str(Path(folder) / "logs"))
        figures = {**compare_throughput(bundle, bodies, guards, secret), **_starts(bundle, guards)}
        with _server(bundle, *guards) as (port, process):
            figures.update(_long_load(port, process.pid, bodies, tokens))
            figures.update(_end_under_load(port, process, bodies, tokens.issue(["predict"]).secret))
        figures["log_lines"] = _lines(Path(folder) / "logs", "access.jsonl")
    shutil.rmtree(bundle.parent)
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures


def compare_throughput(
    bundle: Path, bodies: list[bytes], arguments: tuple[str, ...], secret: str = ""
) -> dict[str, Any]:
    """Requests per second, and processor time of a request, without and with some arguments, in turns."""
    rows = []
    for _ in range(ROUNDS):
        pair = []
        for given in ((), arguments):
            with _server(bundle, *given) as (port, process):
                _load(port, bodies, CLIENTS, 1.0, lambda: secret)
                before = _processor_time(process.pid)
                tally = _load(port, bodies, CLIENTS, SECONDS, lambda: secret)
                spent = _processor_time(process.pid) - before
                pair.append((len(tally.taken) / SECONDS, 1e3 * spent / len(tally.taken)))
                assert set(tally.statuses) == {"200"}, tally.statuses
        rows.append(pair)
    ratios = [with_them[0] / plain[0] for plain, with_them in rows]
    return {
        "plain_per_second": round(median(plain[0] for plain, _ in rows), 1),
        "other_per_second": round(median(other[0] for _, other in rows), 1),
        "ratio": round(median(ratios), 3), "ratio_low": round(min(ratios), 3), "ratio_high": round(max(ratios), 3),
        "plain_processor_ms": round(median(plain[1] for plain, _ in rows), 2),
        "other_processor_ms": round(median(other[1] for _, other in rows), 2),
        "processor_ratio": round(median(plain[1] / other[1] for plain, other in rows), 3),
    }  # fmt: skip


def _processor_time(pid: int) -> float:
    """Of a process so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _starts(bundle: Path, guards: tuple[str, ...]) -> dict[str, Any]:
    """Seconds from the command to the first response."""
    seconds = []
    for _ in range(STARTS + 1):
        start = time.perf_counter()
        with _server(bundle, *guards):
            seconds.append(time.perf_counter() - start)
    return {"ready_seconds": round(median(seconds[1:]), 2)}


def _long_load(
    port: int, pid: int, bodies: list[bytes], tokens: "pupila.api.tokens.TokenList"
) -> dict[str, Any]:
    """Many clients for long, while the token is rotated."""
    current = [tokens.issue(["predict"])]
    stop = threading.Event()

    def rotate() -> None:
        while not stop.wait(LONG / ROTATIONS):
            current.append(tokens.rotate(current[-1].token.id, OVERLAP))

    rotating = threading.Thread(target=rotate)
    rotating.start()
    minutes, memory = [], []
    count = max(int(LONG / 60), 1)
    for _ in range(count):
        minutes.append(_load(port, bodies, MANY_CLIENTS, LONG / count, lambda: current[-1].secret))
        memory.append(_resident(pid))
    stop.set()
    rotating.join()
    statuses = sum((minute.statuses for minute in minutes), Counter())
    return {
        "long_seconds": LONG, "long_requests": sum(statuses.values()), "long_statuses": dict(statuses),
        "long_p99_ms": [round(minute.p99()) for minute in minutes], "long_rotations": len(current) - 1,
        "long_memory_mb": [round(size / 1e6) for size in memory],
    }  # fmt: skip


def _end_under_load(
    port: int, process: "subprocess.Popen[bytes]", bodies: list[bytes], secret: str
) -> dict[str, Any]:
    """What became of the requests that were sent when SIGTERM came."""
    threading.Timer(2.0, process.send_signal, (signal.SIGTERM,)).start()
    tally = _load(port, bodies, CLIENTS, 6.0, lambda: secret)
    return {"end_statuses": dict(tally.statuses), "end_exit_code": process.wait(60)}


def _load(port: int, bodies: list[bytes], clients: int, seconds: float, secret: Callable[[], str]) -> Tally:
    """So many clients with a connection each; a client whose connection is refused ends."""
    tally, end, numbers = Tally(), time.perf_counter() + seconds, itertools.count()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (start := time.perf_counter()) < end:
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                return
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                       "Authorization": f"Bearer {secret()}"}  # fmt: skip
            status, closed = _ask(connection, bodies[next(numbers) % len(bodies)], headers)
            tally.statuses[status] += 1
            tally.taken.append(time.perf_counter() - start)
            if closed:
                connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _ask(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """The status of a request, and whether the connection ends with it."""
    try:
        connection.request("POST", "/predict/single", body, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        return LOST, True
    if response.status == 200 and "prediction" not in json.loads(content):
        return "no prediction", response.will_close
    return str(response.status), response.will_close


@contextmanager
def _server(bundle: Path, *arguments: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A service in a process of its own; yields its port once it responds."""
    command = [sys.executable, "-m", "pupila", "serve", str(bundle), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(b"://")[1].split()[0].rpartition(b":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/health")
        connection.getresponse().read()
        yield port, process
    finally:
        process.terminate()
        process.wait(60)


def _resident(pid: int) -> int:
    """Memory of a process, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def _lines(folder: Path, name: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(f"{name}*"))
