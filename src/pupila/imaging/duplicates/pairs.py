"""From signatures to duplicate pairs, and from pairs to groups."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.compare import CERTAIN, SAME, similarities
from pupila.imaging.duplicates.search import candidates
from pupila.imaging.duplicates.signature import as_numbers

METHOD = "3"  # changes whenever the same signatures could give other pairs: part of the cache key
_BLOCK = 1024  # candidates looked at together: their copies fill 8 MB, and 32 MB while they are compared

Thumbnails = Callable[[list[int]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that are duplicates; `first < second` are row numbers."""

    first: int
    second: int
    kind: Literal["exact", "near", "mirrored"]  # same bytes; same image; its mirror image
    similarity: float  # 1 for exact, else the correlation of detail


def find_pairs(
    sha256: list[str],
    hashes: tuple[list[str], list[str]],
    thumbnails: Thumbnails,
    advance: Callable[[int, int], None] = lambda processed, total: None,
) -> list[Pair]:
    """All duplicate pairs; images with equal bytes are each paired with the first only.

    Args:
        sha256: N content hashes.
        hashes: N perceptual hashes, and N of the mirrored images.
        thumbnails: row numbers to (K, SIDE, SIDE) uint8 grey copies.
        advance: called with the candidates compared so far and their total.

    Returns:
        Pairs sorted by row numbers. Cost grows with N log N and the number of candidates (at most 32 N).
    """
    pairs, originals = _exact(sha256)
    keep = np.array(originals, dtype=np.int64)
    phash, mirrored = (as_numbers([which[i] for i in originals]) for which in hashes)
    straight = candidates(phash, phash)
    flipped = candidates(mirrored, phash)
    comparisons = [(int(keep[i]), int(keep[j]), False) for i, j in straight]
    comparisons += [(int(keep[i]), int(keep[j]), True) for i, j in flipped]
    comparisons.sort()
    near: dict[tuple[int, int], Pair] = {}
    for start in range(0, len(comparisons), _BLOCK):
        block = comparisons[start : start + _BLOCK]
        _compare_block(block, thumbnails, near)
        advance(start + len(block), len(comparisons))
    return sorted([*pairs, *near.values()], key=lambda pair: (pair.first, pair.second))


def _exact(sha256: list[str]) -> tuple[list[Pair], list[int]]:
    """Pairs of equal bytes, and the first row of every distinct content."""
    first: dict[str, int] = {}
    pairs = []
    for row, digest in enumerate(sha256):
        if digest in first:
            pairs.append(Pair(first[digest], row, "exact", 1.0))
        else:
            first[digest] = row
    return pairs, list(first.values())


def _compare_block(
    block: list[tuple[int, int, bool]], thumbnails: Thumbnails, pairs: dict[tuple[int, int], Pair]
) -> None:
    rows = sorted({row for first, second, _ in block for row in (first, second)})
    place = {row: number for number, row in enumerate(rows)}
    scores = similarities(
        thumbnails(rows), [(place[first], place[second], flip) for first, second, flip in block]
    )
    for (first, second, flip), score in zip(block, scores.tolist(), strict=True):
        known = pairs.get((first, second))
        if score < SAME or (known and (known.similarity >= CERTAIN or score <= known.similarity)):
            continue
        pairs[first, second] = Pair(first, second, "mirrored" if flip else "near", min(1.0, round(score, 4)))


def components(count: int, links: list[tuple[int, int]]) -> NDArray[Any]:
    """(count,) int: equal numbers where rows are linked, directly or through others; 0 is the first row's."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])
