"""From signatures to duplicate pairs, and from pairs to groups."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pupila.imaging.duplicates.compare import (
    CERTAIN,
    SAME,
    both_directions,
    whole_similarities,
    window_similarities,
)
from pupila.imaging.duplicates.search import Candidates
from pupila.imaging.duplicates.signature import as_numbers

METHOD = "5"  # changes whenever the same signatures could give other pairs: part of the cache key
ENOUGH = 8  # duplicates of an image, after which no window is searched for that shows one more of its group
_BLOCK = 1024  # candidates looked at together: their copies fill 8 MB, and 32 MB while they are compared
_SEARCH = 0.5  # share of the work that the search for candidates is taken for: of photos nearly all, of frames little

Thumbnails = Callable[[list[int]], NDArray[np.uint8]]
Array = NDArray[Any]


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
    advance: Callable[[float], None] = lambda share: None,
) -> list[Pair]:
    """All duplicate pairs; images with equal bytes are each paired with the first only.

    Args:
        sha256: N content hashes.
        hashes: N perceptual hashes, and N of the mirrored images.
        thumbnails: row numbers to (K, SIDE, SIDE) uint8 grey copies.
        advance: called with the share of the work that is done, from 0 to 1.

    Returns:
        Pairs sorted by row numbers. Cost grows with the number of candidates (at most 32 N); of images in `ENOUGH`
        pairs or more some pairs of the same group may be missing.
    """
    pairs, originals = _exact(sha256)
    keep = np.array(originals, dtype=np.int64)
    phash, mirrored = (as_numbers([which[i] for i in originals]) for which in hashes)
    searched, steps = 0, 2 * len(keep)

    def search_on(count: int) -> None:
        nonlocal searched
        searched += count
        advance(_SEARCH * min(1, searched / max(steps, 1)))

    known = Candidates(phash, advance=search_on)
    steps += len(keep) * known.is_indexed
    straight, flipped = keep[known.of(phash)], keep[known.of(mirrored)]
    rows = np.concatenate([np.insert(straight, 2, 0, axis=1), np.insert(flipped, 2, 1, axis=1)])

    def compare_on(count: int, total: int) -> None:
        advance(_SEARCH + (1 - _SEARCH) * count / total)

    return sorted(
        [*pairs, *_compare(rows, thumbnails, compare_on)], key=lambda pair: (pair.first, pair.second)
    )


def some_unlisted(pairs: list[Pair]) -> bool:
    """Whether some image is in so many near or mirrored pairs that further ones may not be listed."""
    rows = [row for pair in pairs if pair.kind != "exact" for row in (pair.first, pair.second)]
    return bool(np.bincount(np.array(rows, dtype=np.int64), minlength=1).max() >= ENOUGH)


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


def _compare(candidates: Array, thumbnails: Thumbnails, advance: Callable[[int, int], None]) -> list[Pair]:
    """The near and mirrored pairs among (K, 3) candidates: rows `first < second`, whether the second is mirrored.

    Wholes are compared first, which is cheap; then windows, by the image whose windows they are, where a whole does not
    settle it.
    """
    total = 3 * len(candidates)  # each once as wholes, and in both ways as a window
    scores, shown = np.zeros(len(candidates), np.float32), np.zeros(len(candidates), np.bool_)
    for start in range(0, len(candidates), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores[block], shown[block] = whole_similarities(*_with_copies(candidates[block], thumbnails))
        advance(min(start + _BLOCK, len(candidates)), total)
    uncertain = np.flatnonzero(shown & (scores < CERTAIN) & ~_find_settled(candidates, scores))
    windows, number = both_directions(candidates[uncertain]), np.tile(uncertain, 2)
    order = np.lexsort((number, windows[:, 0]))
    for start in range(0, len(order), _BLOCK):
        some = order[start : start + _BLOCK]
        np.maximum.at(scores, number[some], window_similarities(*_with_copies(windows[some], thumbnails)))
        advance(total - 2 * len(candidates) * (len(order) - start - len(some)) // len(order), total)
    return _choose(candidates, scores)


def _with_copies(pairs: Array, thumbnails: Thumbnails) -> tuple[Array, Array]:
    """The copies of the rows that occur in (K, 3) pairs, and the pairs with the places of their copies."""
    rows, places = np.unique(pairs[:, :2], return_inverse=True)
    return thumbnails(rows.tolist()), np.column_stack([places.reshape(-1, 2), pairs[:, 2]])


def _find_settled(candidates: Array, scores: Array) -> Array:
    """(K,) bool: both images have `ENOUGH` duplicates whose wholes show the same, and are joined through them."""
    same = candidates[scores >= SAME, :2]
    count = int(candidates[:, :2].max(initial=-1)) + 1
    often = np.bincount(same.ravel(), minlength=count) >= ENOUGH
    if not often.any():
        return np.zeros(len(candidates), np.bool_)
    group = components(count, same)
    first, second = candidates[:, 0], candidates[:, 1]
    return np.asarray(often[first] & often[second] & (group[first] == group[second]))


def _choose(candidates: Array, scores: Array) -> list[Pair]:
    """The pairs of those scores, each once: where the image fits as well as its mirror image, the better of the two."""
    pairs: dict[tuple[int, int], Pair] = {}
    same = np.flatnonzero(scores >= SAME)
    for (first, second, flip), score in zip(candidates[same].tolist(), scores[same].tolist(), strict=True):
        known = pairs.get((first, second))
        if known and (known.similarity >= CERTAIN or score <= known.similarity):
            continue
        pairs[first, second] = Pair(first, second, "mirrored" if flip else "near", min(1.0, round(score, 4)))
    return list(pairs.values())


def components(count: int, links: list[tuple[int, int]] | Array) -> NDArray[Any]:
    """(count,) int: equal numbers where rows are linked, directly or through others; 0 is the first row's."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])
