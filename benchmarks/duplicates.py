"""The search for near-duplicates: recall, brute force against the index, and growth beside an earlier tree."""

from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.growth import measure
from benchmarks.measure import new_cache, real_data, seconds
from pupila.imaging.duplicates import search

BITS = 8  # by which a planted neighbour differs
SIZES = (10_000, 30_000)  # of 100,000 the index takes minutes
GROWTH = {
    "random hashes": (10_000, 30_000, 100_000), "look-alike hashes": (10_000, 30_000, 100_000),
    "photos": (1_000, 4_000), "frames": (1_000, 4_000, 10_000), "x-rays": (1_000, 4_000),
}  # fmt: skip
ALONE = {("frames", 10_000), ("x-rays", 4_000)}  # the tree before takes minutes for them
REAL = (
    "ants_bees", "brain_mri", "crackforest", "dsb2018_nuclei", "dubai_aerial", "flood_area", "flood_area_raw",
    "grocery_packages", "magnetic_tile", "sign_digits",
)  # fmt: skip


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
    """Recall of the search, and its growth on random, look-alike and real images beside the tree before."""
    figures: dict[str, Any] = {}
    for count in (10_000, 100_000):
        values = hashes(count)
        figures[f"recall among {count} hashes"] = round(
            recall(count, search.Candidates(values).of(values)), 4
        )
    figures["brute force against index"] = {
        str(count): {
            name: round(_with(below, count), 2) for name, below in (("brute force", 10**9), ("index", 0))
        }
        for count in SIZES
    }
    for kind, counts in GROWTH.items():
        figures[kind] = {str(count): measure(kind, count, (kind, count) not in ALONE) for count in counts}
        print(f"  {kind}: {figures[kind]}", flush=True)
    figures["real data"] = {}
    for name in REAL:
        if (folder := real_data(name)) is not None:
            new_cache()
            figures["real data"][name] = measure("pairs", folder)
            print(f"  {name}: {figures['real data'][name]}", flush=True)
    return figures


def _with(below: int, count: int) -> float:
    values = hashes(count)
    with mock.patch.object(search, "BRUTE_FORCE_BELOW", below):
        return seconds(lambda: search.Candidates(values).of(values))
