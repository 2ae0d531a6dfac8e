"""Lists that belong together by their lines' numbers, as CUB-200's `images.txt` and `image_class_labels.txt`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import list_words
from pupila.artifacts.dataset.formats.file_names import name_key
from pupila.artifacts.dataset.formats.tables.text_tables import LIST_SUFFIXES, list_lines
from pupila.core import files
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS, TRAIN

_MOST_LISTS = 20  # more belong to an image each
IMAGE = "image"
_LINE = re.compile(r"(\d+)[\s,;]+(\S.*)")
_HEAD = 4096  # bytes that tell whether a file is such a list
_SHARED = 0.9  # share of the images' numbers that a list must have


@dataclass(frozen=True, slots=True)
class NumberedLists:
    """Lists whose lines have the same numbers."""

    frame: pl.DataFrame  # all texts: `image`, and a column for each other list
    paths: dict[str, str]  # column to its file


def join_numbered_lists(root: str, images: Iterable[str]) -> NumberedLists | None:
    """The lists in a folder as one table; None where no list names images, several do, or nothing belongs to it.

    A list of 0 and 1 that is named after train and another split is the column `is_train`: 1 is train. Other columns
    are named after their files.

    Args:
        root: folder of the lists.
        images: paths of the images that exist.
    """
    names = [name for name in files.list_files(root) if name.lower().endswith(LIST_SUFFIXES)]
    if not 1 < len(names) <= _MOST_LISTS:
        return None
    known = {name_key(PurePosixPath(image).name) for image in images}
    lists = {name: cells for name in names if (cells := _read(files.join(root, name)))}
    naming = [name for name, cells in lists.items() if _names_images([*cells.values()], known)]
    if len(naming) != 1:
        return None
    numbers = lists.pop(naming[0])
    columns, paths = {IMAGE: [*numbers.values()]}, {IMAGE: naming[0]}
    for name, cells in lists.items():
        if len(cells.keys() & numbers.keys()) >= _SHARED * len(numbers):
            column = _name_column(name, {*cells.values()})
            columns[column] = [cells.get(number, "") for number in numbers]
            paths[column] = name
    return NumberedLists(pl.DataFrame(columns), paths) if len(columns) > 1 else None


def _read(uri: str) -> dict[str, str] | None:
    """The cell of each number; None where a line has another form, or a number comes twice."""
    if not re.match(rb"\s*\d+[ \t,;]+\S", files.read_start(uri, _HEAD).removeprefix(b"\xef\xbb\xbf")):
        return None
    lines = list_lines(files.read_bytes(uri))
    cells = {match[1]: match[2] for line in lines if (match := _LINE.fullmatch(line))}
    return cells if len(cells) == len(lines) else None


def _names_images(cells: list[str], known: set[str]) -> bool:
    """Whether all cells look like names of images, and half of them are."""
    count = sum(name_key(PurePosixPath(cell).name) in known for cell in cells)
    return all(files.suffix(cell) in IMAGE_SUFFIXES for cell in cells) and 2 * count >= len(cells)


def _name_column(name: str, cells: set[str]) -> str:
    stem = PurePosixPath(name).stem
    splits = {SPLIT_WORDS[word] for word in list_words(stem) if word in SPLIT_WORDS}
    return "is_train" if cells == {"0", "1"} and TRAIN in splits and len(splits) > 1 else stem
