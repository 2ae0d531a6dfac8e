"""Copies of one photograph and sequences differ in the structure of their likeness, and in their names."""

from itertools import combinations, pairwise

import pytest

from pupila.imaging.duplicates.pairs import Pair
from pupila.imaging.duplicates.sequences import divide_pairs

WORDS = ["ash", "birch", "cedar", "elm", "fir"]
FRAMES = [f"video/frame_{number:04d}.jpg" for number in (7, 8, 9, 10, 11)]


def near(*rows: tuple[int, int], similarity: float = 0.95) -> list[Pair]:
    return [Pair(first, second, "near", similarity) for first, second in rows]


CHAIN, EACH = near(*pairwise(range(5))), near(*combinations(range(5), 2), similarity=0.99)


@pytest.mark.parametrize(
    ("pairs", "names", "sequences"),
    [
        (CHAIN, WORDS, 1),  # each like its neighbours alone
        (near(*combinations(range(5), 2)), WORDS, 1),  # repeat photographs: less alike than re-encoded copies
        (EACH, WORDS, 0),  # five encodings of one photograph
        (EACH[:-1], WORDS, 1),  # alike as copies, but the ends are not
        (EACH, FRAMES, 1),  # a camera that stands still: the names tell
        (near((0, 1), (0, 2), (1, 2), similarity=0.92), WORDS, 0),  # a photograph and its crops
        (near((0, 1)), FRAMES, 0),  # two frames, or a crop with the next number: too few to tell
        ([Pair(first, second, "mirrored", 0.99) for first, second in pairwise(range(5))], WORDS, 0),
        ([Pair(0, row, "exact", 1.0) for row in range(1, 5)], FRAMES, 0),
        ([], WORDS, 0),
    ],
)
def test_a_cluster_is_a_sequence_by_its_structure(
    pairs: list[Pair], names: list[str], sequences: int
) -> None:
    divided = divide_pairs(pairs, names)
    assert divided.sequences == [list(range(5))] * sequences
    assert divided.copies == ([] if sequences else pairs)


def test_pairs_of_frames_are_sequences_where_such_names_are_usual() -> None:
    names = [f"clip_{number}.png" for number in (1, 2, 11, 12, 21, 22)]
    runs = near((0, 1), (2, 3), (4, 5))
    assert divide_pairs(runs, names).sequences == [[0, 1], [2, 3], [4, 5]]
    scattered = [f"clip_{number}.png" for number in (1, 5, 11, 19, 21, 40)]
    assert divide_pairs(runs, scattered).copies == runs
    copied = near((0, 1), (2, 3), (4, 5), similarity=0.99)  # each photograph was saved twice in a row
    assert divide_pairs(copied, names).copies == copied


def test_byte_identical_files_stay_copies_within_a_sequence() -> None:
    exact = Pair(0, 5, "exact", 1.0)
    divided = divide_pairs([*CHAIN, exact], [*WORDS, "copy_of_ash"])
    assert (divided.copies, divided.sequences) == ([exact], [[0, 1, 2, 3, 4]])
