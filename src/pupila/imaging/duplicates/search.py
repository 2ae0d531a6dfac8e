"""Candidate pairs by Hamming distance: exact below a size, an index above it, so growth stays below quadratic."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.threads import CORES

RADIUS = 16  # bits of 64: a crop of 5 % at every side moves up to 16 to 20, see docs/decisions
NEIGHBOURS = 16  # nearest candidates compared with one image
BRUTE_FORCE_BELOW = 200_000  # hashes; measured in benchmarks/duplicates.py
_BLOCK = 64  # queries compared at once
_FIRST, _WIDEST = (
    64,
    4096,
)  # hashes compared with them at once: half a megabyte, which stays in a core's cache

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The hashes among which candidates are searched for; the index above them is made once for all queries.

    Args:
        hashes: (N,) uint64.
        radius: largest number of differing bits.
    """

    hashes: Hashes
    radius: int = RADIUS

    def of(self, queries: Hashes) -> Pairs:
        """Pairs (i, j), i != j, where hash j is among the nearest of query i and within the radius.

        Args:
            queries: (N,) uint64; the hashes themselves, or those of the mirrored pictures.

        Returns:
            (K, 2) int64, each row sorted, without repetition; at most NEIGHBOURS rows for a query.
        """
        if len(self.hashes) < 2:
            return np.empty((0, 2), dtype=np.int64)
        search = self._brute_force if len(self.hashes) < BRUTE_FORCE_BELOW else self._look_up
        pairs = np.sort(np.concatenate(list(search(queries))), axis=1)
        return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)

    def _brute_force(self, queries: Hashes) -> Iterator[Pairs]:
        with ThreadPoolExecutor(CORES) as pool:
            yield from pool.map(
                lambda start: _nearest(queries, self.hashes, start, self.radius),
                range(0, len(queries), _BLOCK),
            )

    def _look_up(self, queries: Hashes) -> Iterator[Pairs]:
        """The nearest neighbours by the index; equal hashes, which it holds once, are joined in a chain."""
        distinct, where = np.unique(self.hashes, return_index=True)
        matches = self._index.search(_bits(queries), NEIGHBOURS + 1)
        i, column = np.nonzero((matches.distances <= self.radius) & (matches.keys < len(distinct)))
        yield np.stack([i, where[matches.keys[i, column].astype(np.int64)]], axis=1)
        order = np.argsort(self.hashes, kind="stable")
        same = self.hashes[order][1:] == self.hashes[order][:-1]
        yield np.stack([order[:-1][same], order[1:][same]], axis=1)

    @cached_property
    def _index(self) -> Any:
        """Approximate nearest neighbours (HNSW) of the distinct hashes, in their order."""
        from usearch.index import Index

        distinct = np.unique(self.hashes)
        index = Index(
            ndim=64, metric="hamming", dtype="b1", connectivity=16, expansion_add=64, expansion_search=96
        )
        index.add(np.arange(len(distinct)), _bits(distinct))
        return index


def _nearest(queries: Hashes, hashes: Hashes, start: int, radius: int) -> Pairs:
    """Of each query of a block the NEIGHBOURS nearest within the radius, itself left out, as (K, 2) pairs.

    Once a query has that many, only nearer ones count; the hashes compared at once double from few, so that of
    any number of look-alikes about as many hits a doubling are sorted, and not all of them.
    """
    rows = queries[start : start + _BLOCK]
    nearest = np.empty(
        0, dtype=np.int64
    )  # one number a hit: query, distance and hash, so that they sort in this order
    limits = np.full((len(rows), 1), radius + 1, dtype=np.uint8)  # only smaller distances count
    column, width = 0, _FIRST
    while column < len(hashes):
        apart = np.bitwise_count(rows[:, None] ^ hashes[None, column : column + width])
        hits = np.flatnonzero(apart < limits)
        i, j = hits // apart.shape[1], hits % apart.shape[1] + column
        other = i + start != j
        if other.any():
            distance = apart.ravel()[hits].astype(np.int64)
            nearest = np.sort(np.concatenate([nearest, (i << 48 | distance << 40 | j)[other]]))
            query = nearest >> 48
            rank = np.arange(len(nearest)) - np.searchsorted(query, query)
            full = rank == NEIGHBOURS - 1
            limits[query[full], 0] = nearest[full] >> 40 & 0xFF
            nearest = nearest[rank < NEIGHBOURS]
        column, width = column + width, min(2 * width, _WIDEST)
    return np.stack([(nearest >> 48) + start, nearest & (1 << 40) - 1], axis=1)


def _bits(hashes: Hashes) -> NDArray[np.uint8]:
    return hashes[:, None].view(np.uint8)
