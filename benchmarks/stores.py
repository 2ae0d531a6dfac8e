"""Opening a data set in an S3 bucket, against a typical script that reads one object after the other."""

import io
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image
from tests.s3 import Server, emptied, s3_server

import pupila
from benchmarks.measure import new_cache, real_data, seconds, side_by_side
from pupila.core import files

IMAGES, LATENCY = 200, 0.02  # seconds that each request waits, as in a region nearby
ROOT = "s3://shop/packages"


def naive() -> list[tuple[int, ...]]:
    """A typical s3fs script: list, then open one object after the other."""
    filesystem = fsspec.filesystem("s3")
    shapes = []
    for path in filesystem.find(ROOT):
        with filesystem.open(path) as stream:
            shapes.append(np.asarray(Image.open(io.BytesIO(stream.read()))).shape)
    return shapes


def run() -> dict[str, Any]:
    """Seconds and requests of each, and the ratio."""
    folder = real_data("grocery_packages")
    if folder is None:
        return {}
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as server:
        emptied(server)
        for number, path in enumerate(sorted(folder.rglob("*.jpg"))[:IMAGES]):
            files.write_bytes(f"{ROOT}/{number % 2}/{path.name}", path.read_bytes())
        server.wait = LATENCY

        def cold() -> None:
            new_cache()
            pupila.open(ROOT)

        ours, theirs = side_by_side(cold, naive, rounds=2)
        requests = {"cold": _count_requests(server, cold), "naive": _count_requests(server, naive)}
        warm = seconds(lambda: pupila.open(ROOT))
        requests["warm"] = _count_requests(server, lambda: pupila.open(ROOT))
    figures = {
        "images": IMAGES, "latency_ms": 1000 * LATENCY, "cold_seconds": round(ours, 2),
        "naive_seconds": round(theirs, 2), "warm_seconds": round(warm, 2), "ratio": round(theirs / ours, 1),
        "requests": requests,
    }  # fmt: skip
    print(f"  {figures}")
    return figures


def _count_requests(server: Server, work: Any) -> int:
    server.requests.clear()
    work()
    return len(server.requests)
