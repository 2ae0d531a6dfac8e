"""Copies of one photograph, and sequences: frames of a video, repeat photographs of one object, tiles of one scene.

Both are alike. A copy shows the same moment, so it has the same label; the images of a sequence do not, and none of
them is superfluous. What tells them apart is the structure of the likeness: copies come in twos and threes, or fit each
other from end to end, while a sequence is a chain whose ends are less alike than its neighbours.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

from pupila.imaging.duplicates.pairs import ENOUGH, Pair, components

COPIES = 3  # images that may be copies of one photograph, however much they were cropped
COPIED = 0.98  # similarity of copies that were re-encoded or resized; cropped ones reach less
_HABIT = 6  # alike images of like names, from which a pair of such names is taken for frames as well
_NEXT = 2  # difference of the numbers of two frames that follow each other
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class AlikeImages:
    """The pairs of alike images, told apart."""

    copies: list[Pair]  # of one photograph: the same bytes, re-encoded, resized, cropped or mirrored
    sequences: list[list[int]]  # row numbers of each sequence, sorted; byte-identical files are in it once


class _Cluster(NamedTuple):
    """Images that are alike, directly or through others, and differ in their bytes."""

    rows: list[int]
    pairs: list[Pair]

    @property
    def least(self) -> float:
        """The lowest similarity of its pairs."""
        return min(pair.similarity for pair in self.pairs)


def divide_pairs(pairs: list[Pair], names: list[str]) -> AlikeImages:
    """Tell the copies from the sequences.

    Args:
        pairs: of `find_pairs`.
        names: N paths of the images.
    """
    exact = [pair for pair in pairs if pair.kind == "exact"]
    clusters = _find_clusters(pairs, len(names))
    long = [_is_long_sequence(cluster, names) for cluster in clusters]
    usual, rare = Counter[str](), Counter[str]()
    for cluster, is_long in zip(clusters, long, strict=True):
        templates = [_template(names[row]) for row in cluster.rows]
        (usual if is_long or _follow_each_other(cluster, names) else rare).update(templates)
    # A short one is a sequence, too, where most alike images of such names are.
    habit = {name for name, count in usual.items() if count >= _HABIT and count > rare[name]}
    copies: list[Pair] = []
    sequences: list[list[int]] = []
    for cluster, is_long in zip(clusters, long, strict=True):
        if is_long or all(_template(names[row]) in habit for row in cluster.rows):
            sequences.append(cluster.rows)
        else:
            copies += cluster.pairs
    return AlikeImages(
        sorted([*exact, *copies], key=lambda pair: (pair.first, pair.second)), sorted(sequences)
    )


def _find_clusters(pairs: list[Pair], count: int) -> list[_Cluster]:
    alike = [pair for pair in pairs if pair.kind != "exact"]
    component = components(count, [(pair.first, pair.second) for pair in alike])
    members: dict[int, list[Pair]] = defaultdict(list)
    for pair in alike:
        members[int(component[pair.first])].append(pair)
    return [
        _Cluster(sorted({row for pair in own for row in (pair.first, pair.second)}), own)
        for own in members.values()
    ]


def _is_long_sequence(cluster: _Cluster, names: list[str]) -> bool:
    """Whether it is a sequence by itself, whatever else the data hold."""
    if len(cluster.rows) <= COPIES or all(pair.kind == "mirrored" for pair in cluster.pairs):
        return False
    own = [names[row] for row in cluster.rows]
    return cluster.least < COPIED or not _fits_throughout(cluster) or _is_numbered(own)


def _follow_each_other(cluster: _Cluster, names: list[str]) -> bool:
    """Whether two or three images may be frames: their numbers run on, and they are no re-encoded copies."""
    return cluster.least < COPIED and _is_numbered([names[row] for row in cluster.rows])


def _fits_throughout(cluster: _Cluster) -> bool:
    """Whether each image is paired with each other one, as far as pairs are searched for."""
    degree = Counter(row for pair in cluster.pairs for row in (pair.first, pair.second))
    return all(degree[row] >= min(len(cluster.rows) - 1, ENOUGH) for row in cluster.rows)


def _is_numbered(names: list[str]) -> bool:
    """Whether the names differ in one number, which runs on from name to name."""
    if len({_template(name) for name in names}) > 1:
        return False
    numbers = [tuple(map(int, _NUMBER.findall(PurePosixPath(name).stem))) for name in names]
    varying = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(varying) != 1:
        return False
    return all(second - first <= _NEXT for first, second in pairwise(sorted(varying[0])))


def _template(name: str) -> str:
    """The name's stem with its folder, each number replaced."""
    return _NUMBER.sub("#", str(PurePosixPath(name).with_suffix("")))
