"""`pupila serve registry:NAME` under 8 clients while its model is swapped 50 times, one bundle of which is corrupt."""

import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import pupila
from benchmarks.measure import real_data, real_weights, trained_bundle
from benchmarks.serving import CLIENTS, encode_form, send_requests
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.info_file import INFO_FILE, seal

SWAPS, VERSIONS = 50, 3  # the alias goes round the versions
SECONDS = 10.0  # of the quiet measurement
NAME = "ants"


def run() -> dict[str, Any]:
    """Latency with and without swaps, requests that failed, and memory after the second and the last swap."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    home = trained_bundle(photos, weights)
    bodies = [encode_form(path.read_bytes()) for path in sorted(photos.glob("*/val__*.jpg"))]
    registry = pupila.registry(home.parent / "registry")
    for number in range(VERSIONS + 1):
        registry.add(str(_change_temperature(home / "bundle", home.parent / str(number), 1.0 + number)), NAME)
    _promote(registry, 1)
    with _serve(registry.uri) as (port, pid):
        send_requests(port, bodies, CLIENTS, 2.0)
        quiet, lost = send_requests(port, bodies, CLIENTS, SECONDS)
        with _swapping(registry, port, pid) as memory:
            busy: list[float] = []
            while len(memory) < SWAPS:
                taken, more = send_requests(port, bodies, CLIENTS, 1.0)
                busy, lost = busy + taken, lost + more
    shutil.rmtree(home.parent)
    p99, swapping_p99 = float(np.quantile(quiet, 0.99)), float(np.quantile(busy, 0.99))
    figures = {
        "swaps": len(memory), "requests": len(busy), "lost": lost, "quiet_p99_ms": round(1e3 * p99, 1),
        "swapping_p99_ms": round(1e3 * swapping_p99, 1), "p99_ratio": round(swapping_p99 / p99, 2),
        "quiet_p50_ms": round(1e3 * float(np.quantile(quiet, 0.5)), 1),
        "swapping_p50_ms": round(1e3 * float(np.quantile(busy, 0.5)), 1),
        "memory_mb_after_2": memory[1], "memory_mb_after_all": memory[-1],
    }  # fmt: skip
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures


def _change_temperature(source: Path, target: Path, temperature: float) -> Path:
    """A copy of a bundle with another temperature; the last one has golden predictions that are not its own."""
    folder = Path(shutil.copytree(source, target))
    info = read_bundle(folder).info
    update: dict[str, Any] = {"temperature": temperature}
    if temperature > VERSIONS:
        names = info.classes
        update["golden"] = {image: {name: [9.0] for name in names} for image in info.golden}
    (folder / INFO_FILE).write_bytes(seal(info.model_copy(update=update))[1])
    return folder


def _promote(registry: Any, number: int) -> None:
    registry.promote(f"{NAME}@{number}", force=True, reason="a benchmark")


@contextmanager
def _serve(registry: str) -> Iterator[tuple[int, int]]:
    """Port and process of a service that follows the alias."""
    command = [sys.executable, "-m", "pupila", "serve", f"registry:{NAME}", "--registry", registry, "--port", "0",
               "--poll-seconds", "0.1"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    match = re.search(r":(\d+) ", process.stdout.readline())
    assert match is not None
    try:
        yield int(match[1]), process.pid
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _swapping(registry: Any, port: int, pid: int) -> Iterator[list[float]]:
    """Promote one version after the other, each once the one before is served; yields the memory after each swap."""
    memory: list[float] = []

    def swap() -> None:
        for number in range(1, SWAPS + 1):
            if number == SWAPS // 2:
                _promote(registry, VERSIONS + 1)
                _wait(port, lambda following: following["problem"])
            version = number % VERSIONS + 1
            _promote(registry, version)
            _wait(port, lambda following, version=version: following["version"] == version)
            polls = _wait(port, lambda following: not following["draining"])["last_poll"]
            _wait(
                port, lambda following, polls=polls: following["last_poll"] != polls
            )  # which gives memory back
            memory.append(_resident_megabytes(pid))

    thread = threading.Thread(target=swap)
    thread.start()
    yield memory
    thread.join()


def _wait(port: int, condition: Any) -> dict[str, Any]:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/model/following")
        following: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        if condition(following):
            return following
        threading.Event().wait(0.05)


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)
