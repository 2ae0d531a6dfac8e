"""Candidate pairs by Hamming distance: exact below a size, an index above it, so growth stays below quadratic."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.threads import CORES

RADIUS = 16  # bits of 64: a crop of 5 % at every side moves up to 16 to 20, see docs/decisions
NEIGHBOURS = 16  # nearest candidates compared with one image
BRUTE_FORCE_BELOW = 30_000  # distinct hashes; measured in benchmarks/duplicates.py
_BLOCK = 256  # rows compared at once
BITS_APART = np.uint8(255)  # more than any two hashes differ: an image never matches itself

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]


def candidates(queries: Hashes, hashes: Hashes, radius: int = RADIUS) -> Pairs:
    """Pairs (i, j), i != j, where hash j is among the nearest of query i and within the radius.

    Args:
        queries: (N,) uint64; the hashes themselves, or those of the mirrored pictures.
        hashes: (N,) uint64.
        radius: largest number of differing bits.

    Returns:
        (K, 2) int64, each row sorted, without repetition; at most NEIGHBOURS rows for a query.
    """
    if len(hashes) < 2:
        return np.empty((0, 2), dtype=np.int64)
    search = _brute_force if len(hashes) < BRUTE_FORCE_BELOW else _index
    blocks = [block for block in search(queries, hashes, radius) if len(block)]
    if not blocks:
        return np.empty((0, 2), dtype=np.int64)
    pairs = np.sort(np.concatenate(blocks), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _brute_force(queries: Hashes, hashes: Hashes, radius: int) -> Iterator[Pairs]:
    def near(start: int) -> Pairs:
        rows = queries[start : start + _BLOCK]
        distance = np.bitwise_count(rows[:, None] ^ hashes[None, :])
        own = np.arange(len(rows))
        distance[own, start + own] = BITS_APART
        i, j = np.nonzero(distance <= radius)
        return _nearest(i, j, distance[i, j], start)

    with ThreadPoolExecutor(CORES) as pool:
        yield from pool.map(near, range(0, len(queries), _BLOCK))


def _nearest(i: Pairs, j: Pairs, distance: NDArray[Any], start: int) -> Pairs:
    """Of every query's hits the NEIGHBOURS nearest, as (K, 2) pairs."""
    order = np.lexsort((j, distance, i))
    i, j = i[order], j[order]
    rank = np.arange(len(i)) - np.searchsorted(i, i, side="left")
    keep = rank < NEIGHBOURS
    return np.stack([i[keep] + start, j[keep]], axis=1)


def _index(queries: Hashes, hashes: Hashes, radius: int) -> Iterator[Pairs]:
    """Approximate nearest neighbours (HNSW); identical hashes are entered once and joined in a chain."""
    from usearch.index import Index

    distinct, where = np.unique(hashes, return_index=True)
    index = Index(
        ndim=64, metric="hamming", dtype="b1", connectivity=16, expansion_add=64, expansion_search=96
    )
    index.add(np.arange(len(distinct)), _bits(distinct))
    matches = index.search(_bits(queries), NEIGHBOURS + 1)
    i, column = np.nonzero(matches.distances <= radius)
    yield np.stack([i, where[matches.keys[i, column].astype(np.int64)]], axis=1)
    order = np.argsort(hashes, kind="stable")
    same = hashes[order][1:] == hashes[order][:-1]
    yield np.stack([order[:-1][same], order[1:][same]], axis=1)


def _bits(hashes: Hashes) -> NDArray[np.uint8]:
    return hashes[:, None].view(np.uint8)
