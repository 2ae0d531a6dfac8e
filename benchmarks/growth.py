"""One measurement of growth in a process of its own: `python -m benchmarks.growth KIND COUNT|FOLDER` prints JSON.

The process may run the source of an earlier tree, which `PUPILA_BEFORE` names: so both are measured on one machine.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import pupila
from pupila.imaging.duplicates import search
from pupila.imaging.duplicates.pairs import find_pairs
from pupila.imaging.duplicates.signature import hashes

Array = NDArray[Any]
BEFORE = "PUPILA_BEFORE"  # the folder `src` of an earlier tree
_BITS = 0.06  # share of the bits in which a look-alike's hash differs from that of its set


def measure(kind: str, argument: object, beside: bool = True) -> dict[str, Any]:
    """The figures of this tree, and of the tree before where it is there; each has a cache of its own.

    Args:
        kind: of `KINDS`.
        argument: of its function.
        beside: whether the tree before is measured too.
    """
    trees = {
        "before": os.environ.get(BEFORE) if beside else None,
        "now": str(Path(pupila.__file__).parent.parent),
    }
    return {name: _measure_tree(name, path, kind, argument) for name, path in trees.items() if path}


def _measure_tree(name: str, path: str, kind: str, argument: object) -> dict[str, Any]:
    cache = str(Path(os.environ.get("PUPILA_CACHE", tempfile.gettempdir()), name))
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", kind, str(argument)],
        env={**os.environ, "PYTHONPATH": path, "PUPILA_CACHE": cache}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return figures


def _random_hashes(count: int) -> Array:
    return np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)


def _alike_hashes(count: int) -> Array:
    rng = np.random.default_rng(count)
    values = np.full(count, rng.integers(0, 2**64, dtype=np.uint64))
    for bit in range(64):
        values ^= np.where(rng.random(count) < _BITS, np.uint64(1) << np.uint64(bit), np.uint64(0))
    return values


def _search(values: Array) -> dict[str, Any]:
    known = getattr(search, "Candidates", None)
    start = time.process_time()
    candidates = known(values).of(values) if known else getattr(search, "candidates")(values, values)  # noqa: B009
    return {"cpu_seconds": round(time.process_time() - start, 2), "candidates": len(candidates)}


def _smooth(rng: np.random.Generator) -> Array:
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8))
    return np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC), dtype=np.float32)


def _texture(rng: np.random.Generator) -> Array:
    pixels = Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8))
    return np.asarray(pixels.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float32) - 127


def _frames(count: int) -> Array:
    """A fixed camera: one scene, something that moves, and noise."""
    rng = np.random.default_rng(1)
    scene = 0.85 * _smooth(rng) + 1.2 * _texture(rng) + 15
    shown = []
    for _ in range(count):
        frame = scene + rng.normal(0, 3, (64, 64))
        y, x = rng.integers(0, 52, 2)
        frame[y : y + 10, x : x + 10] = rng.integers(0, 256)
        shown.append(np.clip(frame, 0, 255).astype(np.uint8))
    return np.stack(shown)


def _x_rays(count: int) -> Array:
    """One smooth shape, each with its own detail."""
    rng = np.random.default_rng(2)
    shape = 0.85 * _smooth(rng) + 15
    shown = [shape + 0.15 * _smooth(rng) + _texture(rng) for _ in range(count)]
    return np.clip(np.stack(shown), 0, 255).astype(np.uint8)


def _photos(count: int) -> Array:
    rng = np.random.default_rng(5)
    shown = [0.85 * _smooth(rng) + 1.2 * _texture(rng) + 15 for _ in range(count)]
    return np.clip(np.stack(shown), 0, 255).astype(np.uint8)


def _find(copies: Array) -> dict[str, Any]:
    known, digests = hashes(copies), [str(row) for row in range(len(copies))]
    start = time.process_time()
    pairs = find_pairs(digests, known, lambda rows: copies[rows])
    return {"cpu_seconds": round(time.process_time() - start, 2), "pairs": len(pairs)}


def _find_in(folder: str) -> dict[str, Any]:
    data = pupila.open(folder)
    known = (data.images["phash"].to_list(), data.images["phash_mirrored"].to_list())
    start = time.process_time()
    pairs = find_pairs(data.images["sha256"].to_list(), known, data.thumbnails)
    return {
        "images": len(data), "cpu_seconds": round(time.process_time() - start, 2), "pairs": len(pairs),
        "groups": len(set(data.components().tolist())),
    }  # fmt: skip


def _open(folder: str) -> dict[str, Any]:
    start = time.process_time()
    images = len(pupila.open(folder))
    return {"images": images, "cpu_seconds": round(time.process_time() - start, 2), "peak_mb": _peak()}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


KINDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "random hashes": lambda count: _search(_random_hashes(int(count))),
    "look-alike hashes": lambda count: _search(_alike_hashes(int(count))),
    "photos": lambda count: _find(_photos(int(count))),
    "frames": lambda count: _find(_frames(int(count))),
    "x-rays": lambda count: _find(_x_rays(int(count))),
    "pairs": _find_in,
    "open": _open,
}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](sys.argv[2])))
