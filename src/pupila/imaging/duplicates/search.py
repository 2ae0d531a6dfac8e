"""Candidate pairs by Hamming distance: exact below a size, an index above it, so growth stays below quadratic."""

from collections.abc import Callable, Iterator
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
_FIRST = 64  # hashes compared with them at once to begin with, and at most:
_WIDEST = 4096  # half a megabyte, which stays in a core's cache
_LOOKED_UP = 8192  # hashes that the index takes or answers at once
_ROW = 31  # bits of a row's number where two make one number

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The hashes among which candidates are searched for; the index above them is made once for all queries.

    Args:
        hashes: (N,) uint64.
        radius: largest number of differing bits.
        advance: called with the number of hashes that were put into the index, or answered, since the last call.
    """

    hashes: Hashes
    radius: int = RADIUS
    advance: Callable[[int], None] = lambda count: None

    def of(self, queries: Hashes) -> Pairs:
        """Pairs (i, j), i != j, where hash j is among the nearest of query i and within the radius.

        Args:
            queries: (N,) uint64; the hashes themselves, or those of the mirrored pictures.

        Returns:
            (K, 2) int64, each row sorted, without repetition; at most NEIGHBOURS rows for a query.
        """
        if len(self.hashes) < 2:
            return np.empty((0, 2), dtype=np.int64)
        search = self._look_up if self.is_indexed else self._brute_force
        pairs = np.concatenate(list(search(queries)))
        low, high = pairs.min(axis=1), pairs.max(axis=1)
        numbers = np.unique(
            (low << _ROW | high)[low < high]
        )  # of one number a pair: rows take ten times as long
        return np.stack([numbers >> _ROW, numbers & (1 << _ROW) - 1], axis=1)

    @property
    def is_indexed(self) -> bool:
        """Whether there are so many that an index is made, and answers the queries."""
        return len(self.hashes) >= BRUTE_FORCE_BELOW

    def _brute_force(self, queries: Hashes) -> Iterator[Pairs]:
        starts = range(0, len(queries), _BLOCK)
        with ThreadPoolExecutor(CORES) as pool:
            for start, pairs in zip(
                starts,
                pool.map(lambda start: _nearest(queries, self.hashes, start, self.radius), starts),
                strict=True,
            ):
                self.advance(min(_BLOCK, len(queries) - start))
                yield pairs

    def _look_up(self, queries: Hashes) -> Iterator[Pairs]:
        """The nearest neighbours by the index; equal hashes, which it holds once, are joined in a chain."""
        distinct, where = np.unique(self.hashes, return_index=True)
        for start in range(0, len(queries), _LOOKED_UP):
            some = queries[start : start + _LOOKED_UP]
            matches = self._index.search(_bits(some), NEIGHBOURS + 1)
            i, column = np.nonzero((matches.distances <= self.radius) & (matches.keys < len(distinct)))
            yield np.stack([i + start, where[matches.keys[i, column].astype(np.int64)]], axis=1)
            self.advance(len(some))
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
        for start in range(0, len(distinct), _LOOKED_UP):
            some = distinct[start : start + _LOOKED_UP]
            index.add(np.arange(start, start + len(some)), _bits(some))
            self.advance(len(some))
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
