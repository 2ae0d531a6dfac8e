"""The search for near-duplicates: growth from 10,000 to 100,000 hashes, and brute force against the index."""

from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import real_data, seconds
from pupila.artifacts.dataset.open import open as open_data
from pupila.imaging.duplicates import search
from pupila.imaging.duplicates.pairs import find_pairs

BITS = 8  # by which a planted neighbour differs
SIZES = (5_000, 10_000, 20_000, 30_000, 50_000)


def hashes(count: int) -> NDArray[np.uint64]:
    """Random hashes of which every tenth has a planted neighbour."""
    rng = np.random.default_rng(count)
    hashed = rng.integers(0, 2**64, count, dtype=np.uint64)
    for row in range(0, count - 1, 10):
        bits = rng.choice(64, BITS, replace=False).astype(np.uint64)
        hashed[row + 1] = hashed[row] ^ np.bitwise_or.reduce(np.uint64(1) << bits)
    return hashed


def recall(count: int, pairs: NDArray[np.int64]) -> float:
    """The share of planted pairs that were found."""
    planted = {(row, row + 1) for row in range(0, count - 1, 10)}
    return len(planted & set(map(tuple, pairs.tolist()))) / len(planted)


def run() -> dict[str, Any]:
    """Seconds of each size, the growth, and the search on real data."""
    figures: dict[str, Any] = {}
    taken = {}
    for count in (10_000, 100_000):
        candidates: list[Any] = []
        values = hashes(count)
        taken[count] = seconds(lambda v=values, f=candidates: f.append(search.Candidates(v).of(v)))  # type: ignore[misc]
        figures[f"{count} hashes"] = {
            "seconds": round(taken[count], 2),
            "recall": round(recall(count, candidates[0]), 4),
        }
    figures["growth for 10 x hashes"] = round(taken[100_000] / taken[10_000], 1)
    figures["brute force against index"] = {
        str(count): {
            name: round(_with(below, count), 2) for name, below in (("brute force", 10**9), ("index", 0))
        }
        for count in SIZES
    }
    for name, value in figures.items():
        print(f"  {name}: {value}")
    figures["real data"] = _real()
    return figures


def _with(below: int, count: int) -> float:
    values = hashes(count)
    with mock.patch.object(search, "BRUTE_FORCE_BELOW", below):
        return seconds(lambda: search.Candidates(values).of(values))


def _real() -> dict[str, Any]:
    figures = {}
    for name in ("ants_bees", "brain_mri", "grocery_packages"):
        folder = real_data(name)
        if folder is None:
            continue
        data = open_data(folder)
        known = (data.images["phash"].to_list(), data.images["phash_mirrored"].to_list())
        looked: list[int] = [0]
        taken = seconds(
            lambda d=data, k=known, totals=looked: find_pairs(  # type: ignore[misc]
                d.images["sha256"].to_list(),
                k,
                d.thumbnails,
                lambda processed, total: totals.__setitem__(0, total),
            )
        )
        figures[name] = {"images": len(data), "candidates": looked[0], "seconds": round(taken, 2)}
        print(f"  {name}: {figures[name]}")
    return figures
