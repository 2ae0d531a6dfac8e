"""`pupila serve` under many clients, against a typical service and against what the cores allow."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import bare_rate, real_data, real_weights, trained_bundle

CLIENTS, MANY_CLIENTS = 8, 64
SECONDS = 8.0  # of one measurement
ROUNDS = 3
BOUNDARY = "pupila-benchmark"


@dataclass(frozen=True, slots=True)
class Load:
    """Throughput and latency of the clients."""

    per_second: float
    p50: float  # seconds
    p99: float  # seconds
    lost: int  # requests without a response of status 200
    client: float  # CPU seconds of the clients, a request


def run() -> dict[str, Any]:
    """Requests per second and latencies, medians of rounds in turns."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    images = [path.read_bytes() for path in sorted(photos.glob("*/val__*.jpg"))]
    bundle = trained_bundle(photos, weights)
    naive = ["-m", "benchmarks.naive_server", str(weights)]
    ours = ["-m", "pupila", "serve", str(bundle), "--port"]
    rounds = []
    for _ in range(ROUNDS):
        bare = bare_rate(bundle, images)
        with _server(naive) as port:
            theirs = _load(port, images, CLIENTS)
        with _server(ours) as port:
            few, many = _load(port, images, CLIENTS), _load(port, images, MANY_CLIENTS)
            alone = _load(port, images, 1)
        cores = os.cpu_count() or 1
        ceiling = cores / (cores / bare + few.client)
        rounds.append({
            "naive_per_second": theirs.per_second, "naive_p99_ms": 1e3 * theirs.p99,
            "per_second": few.per_second, "p50_ms": 1e3 * few.p50, "p99_ms": 1e3 * few.p99, "lost": few.lost,
            "bare_per_second": bare, "client_cpu_ms": 1e3 * few.client, "ceiling_per_second": ceiling,
            "ratio": few.per_second / theirs.per_second, "share_of_ceiling": few.per_second / ceiling,
            "p99_share_of_naive": few.p99 / theirs.p99, "one_client_p50_ms": 1e3 * alone.p50,
            "many_per_second": many.per_second, "many_p99_ms": 1e3 * many.p99, "many_lost": many.lost,
        })  # fmt: skip
    figures = {name: round(median(r[name] for r in rounds), 3) for name in rounds[0]}
    for name, value in figures.items():
        print(f"  {name}: {value}")
    shutil.rmtree(bundle.parent)
    return figures


@contextmanager
def _server(arguments: list[str]) -> Iterator[int]:
    """A service in a process of its own; yields its port once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, *arguments, str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/health")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _load(port: int, images: list[bytes], clients: int) -> Load:
    """So many clients ask one after the other, each on a connection of its own, after one round to warm up."""
    bodies = [encode_form(image) for image in images]
    send_requests(port, bodies, clients, 1.0)
    start, cpu = time.perf_counter(), time.process_time()
    taken, lost = send_requests(port, bodies, clients, SECONDS)
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Load(
        len(taken) / spent,
        float(np.quantile(taken, 0.5)),
        float(np.quantile(taken, 0.99)),
        lost,
        cpu / len(taken),
    )


def send_requests(port: int, bodies: list[bytes], clients: int, seconds: float) -> tuple[list[float], int]:
    """Seconds of each request of so many clients, and how many had no prediction."""
    taken: list[float] = []
    lost: list[int] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        while (start := time.perf_counter()) < end:
            connection.request("POST", "/predict/single", bodies[number % len(bodies)], headers)
            response = connection.getresponse()
            if "prediction" not in json.loads(response.read()):
                lost.append(response.status)
            taken.append(time.perf_counter() - start)
            number += 1

    threads = [threading.Thread(target=client, args=(17 * n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(lost)


def encode_form(image: bytes) -> bytes:
    """The body of a request with one image."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
