"""Splits as lists of images: `ImageSets/Main/train.txt`, `train.txt` beside `val.txt`, in any folder of the data."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import FileFinder
from pupila.artifacts.dataset.formats.file_names import common_start
from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.numbered_lists import IMAGE, join_numbered_lists
from pupila.artifacts.dataset.formats.tables.split_columns import read_splits
from pupila.artifacts.dataset.formats.tables.text_tables import LIST_SUFFIXES, list_lines
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import SPLIT_WORDS, SPLITS, is_own_file

_SUFFIXES = (*LIST_SUFFIXES, ".csv")
_JSON = ".json"
_MOST_FILES = 20  # of JSON: more belong to an image each
_HEAD = 4096  # bytes in which a JSON file of splits names one
_MATCHED = 0.8  # share of the lines of a list that name images
_ENDING = re.compile(r"\.[a-z]{2,4}$", re.IGNORECASE)
_COVERED = 0.5  # share of the labelled images that the lists name, so that they count


@dataclass(frozen=True, slots=True)
class _SplitLists:
    """The lists of one folder."""

    folder: str
    splits: dict[str, set[str]]  # split to its images

    @property
    def images(self) -> set[str]:
        return set().union(*self.splits.values())

    @property
    def shared(self) -> list[str]:
        """Images that several of the lists name."""
        count = Counter(image for images in self.splits.values() for image in images)
        return sorted(image for image, lists in count.items() if lists > 1)


def apply_split_lists(place: Place, source: Listing) -> Listing:
    """The listing with the splits that lists of images give, where it has none; a note says so.

    Images that are in no list are no part of the data, as VOC's photos without masks, and are reported.

    Args:
        place: folder of the data.
        source: as its layout's reader gives it.
    """
    if not place.is_folder or source.rows["given_split"].null_count() < source.rows.height:
        return source
    if files.relative(source.root, place.root) != ".":
        return source
    paths = _find_lists([other.subject for other in place.others])
    in_json = _find_json_lists(place)
    if len(paths) < 2 and not in_json:
        return _apply_numbered_lists(place, source)
    entries = _list_entries(source)
    images = source.rows["image"].to_list()
    labelled = set(source.rows.filter(pl.col("target").is_not_null())["image"]) or set(images)
    texts = {
        path: (path.rpartition("/")[0], {split: _read_text(place.root, path)})
        for path, split in paths.items()
    }
    lists = [each for each in _read_lists(place.root, {**texts, **in_json}, entries) if len(each.splits) > 1]
    lists.sort(key=lambda each: (-len(each.images & labelled), len(each.images - labelled), each.folder))
    if not lists:
        return source
    chosen, *others = lists
    if chosen.shared or len(chosen.images & labelled) < _COVERED * len(labelled):
        reason = (
            say_count(
                "{n} image is in several of them ({images})",
                "{n} images are in several of them ({images})",
                len(chosen.shared),
                images=listing(chosen.shared, 3),
            )
            if chosen.shared
            else say(
                "they name {n} of {total} labelled images",
                n=len(chosen.images & labelled),
                total=len(labelled),
            )
        )
        note = say(
            "The lists of images in {folder} are not used: {reason}.",
            folder=chosen.folder or ".",
            reason=reason,
        )
        return replace(source, notes=[*source.notes, note])
    return _with_splits(source, chosen, [each.folder for each in others])


def _list_entries(source: Listing) -> list[files.FileEntry]:
    return [files.FileEntry(*row) for row in source.rows.select("image", "bytes", "modified").iter_rows()]


def _apply_numbered_lists(place: Place, source: Listing) -> Listing:
    """The listing with the splits of a list such as `train_test_split.txt`, whose numbers are those of `images.txt`."""
    inner = files.relative(place.root, place.path)
    around = ["", *accumulate(inner.split("/"), "{}/{}".format)] if inner != "." else [""]
    joined = (
        join_numbered_lists(files.join(place.path, folder) if folder else place.path, source.rows["image"])
        for folder in reversed(around)
    )
    lists = next(filter(None, joined), None)
    by_column = {name: splits for name in lists.frame.columns if name != IMAGE
                 and (splits := read_splits(lists.frame[name])) is not None} if lists else {}  # fmt: skip
    if lists is None or len(by_column) != 1:
        return source
    (name, splits), *_ = by_column.items()
    entries = _list_entries(source)
    finder, given = FileFinder(place.root, entries), dict[str, str]()
    for cell, split in zip(lists.frame[IMAGE], splits, strict=True):
        if (entry := finder.find(cell, lambda _: True)) is not None:
            given[entry.path] = split
    if len(given) < _COVERED * len(entries):
        return source
    words = sorted(dict(zip(lists.frame[name], splits, strict=True)).items())
    note = say("{file} gives the splits of the images in {images}: {meanings}.", file=lists.paths[name],
               images=lists.paths[IMAGE], meanings=listing([f"{word} = {s}" for word, s in words]))  # fmt: skip
    rows = source.rows.with_columns(
        given_split=pl.Series([given.get(entry.path) for entry in entries], dtype=pl.String)
    )
    return replace(source, rows=rows, notes=[*source.notes, note])


def _with_splits(source: Listing, lists: _SplitLists, others: list[str]) -> Listing:
    split_of = {image: split for split, images in lists.splits.items() for image in images}
    rows = source.rows.with_columns(
        given_split=pl.Series([split_of.get(image) for image in source.rows["image"]], dtype=pl.String)
    )
    left_out = rows.filter(pl.col("given_split").is_null())["image"].to_list()
    counts = ", ".join(f"{split} {len(lists.splits[split])}" for split in SPLITS if split in lists.splits)
    notes = [
        say(
            "The splits are the lists of images in {folder}: {counts}.",
            folder=lists.folder or ".",
            counts=counts,
        )
    ]
    if others:
        notes.append(
            say("Other lists are not used: {folders}.", folders=listing([each or "." for each in others]))
        )
    if left_out:
        notes.append(say_count("{n} image is in no list and is left out.",
                               "{n} images are in no list and are left out.", len(left_out)))  # fmt: skip
    missing = [Oddity(image, "image-without-row", say("in no list of images")) for image in left_out]
    return replace(
        source,
        rows=rows.filter(pl.col("given_split").is_not_null()),
        notes=[*source.notes, *notes],
        oddities=[*source.oddities, *missing],
    )


def _find_lists(paths: Iterable[str]) -> dict[str, str]:
    """Path -> the split that the list is named after, as a whole; or with a word that all of its folder have.

    `trainval.txt` is none, nor are `cat_train.txt` and `dog_train.txt`, but `train_set7.txt` is one beside
    `test_set7.txt`.
    """
    by_folder: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for path in map(PurePosixPath, paths):
        words = re.split(r"[\W_]+", path.stem.lower())
        splits = [SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS]
        if path.suffix.lower() in _SUFFIXES and len(splits) == 1:
            rest = " ".join(word for word in words if word not in SPLIT_WORDS)
            by_folder[str(path.parent)][rest][str(path)] = splits[0]
    lists: dict[str, str] = {}
    for by_rest in by_folder.values():
        several = [some for some in by_rest.values() if len({*some.values()}) > 1]
        lists |= by_rest[""] if "" in by_rest else several[0] if len(several) == 1 else {}
    return lists


def _read_text(root: str, path: str) -> list[str]:
    return list_lines(files.read_bytes(files.join(root, path)))


def _find_json_lists(place: Place) -> dict[str, tuple[str, dict[str, list[str]]]]:
    """The lists in JSON files of the root: `{"train": ["a.jpg"], "test": ["b.jpg"]}`, also within a record."""
    names = [
        name
        for name in files.list_files(place.root)
        if name.lower().endswith(_JSON) and not is_own_file(name)
    ]
    lists: dict[str, tuple[str, dict[str, list[str]]]] = {}
    for name in names if len(names) <= _MOST_FILES else ():
        uri = files.join(place.root, name)
        if not any(f'"{word}"'.encode() in files.read_start(uri, _HEAD).lower() for word in SPLIT_WORDS):
            continue
        try:
            content = files.read_json(uri)
        except PupilaError:
            continue
        inner = content.values() if isinstance(content, dict) else ()
        for each in (content, *inner):
            if splits := _parse_splits(each):
                lists.setdefault(name, (name, splits))
    return lists


def _parse_splits(content: Any) -> dict[str, list[str]] | None:
    """Our names of splits with what they list; None for anything but lists of texts below names of splits."""
    if (
        not isinstance(content, dict)
        or len(content) < 2
        or not {*map(str.lower, content)} <= SPLIT_WORDS.keys()
    ):
        return None
    if not all(
        isinstance(some, list) and all(isinstance(name, str) for name in some) for some in content.values()
    ):
        return None
    splits: dict[str, list[str]] = defaultdict(list)
    for word, some in content.items():
        splits[SPLIT_WORDS[word.lower()]] += some
    return splits


def _read_lists(
    root: str, lists: dict[str, tuple[str, dict[str, list[str]]]], images: Sequence[files.FileEntry]
) -> list[_SplitLists]:
    """The lists that name images, by their folder, or by the file that holds all of them.

    Args:
        root: folder of the data.
        lists: path of each file to its folder, or itself, and the lines of each split.
        images: that the lists may name.
    """
    finder, end = FileFinder(root, images), _find_common_end(images)
    by_place: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for place, splits in lists.values():
        for split, lines in splits.items():
            named = [image for line in lines if (image := find_image(line, finder, end))]
            if lines and len(named) >= _MATCHED * len(lines):
                by_place[place].setdefault(split, set()).update(named)
    return [_SplitLists(place, splits) for place, splits in by_place.items()]


def _find_common_end(images: Sequence[files.FileEntry]) -> str:
    """What the stems of all images end with, from a sign on: `_img` of `0001_img.jpg`; lists often leave it out."""
    end = common_start([entry.path.rpartition("/")[2].rpartition(".")[0][::-1] for entry in images] or [""])[
        ::-1
    ]
    sign = re.search(r"[\W_].*", end)
    return sign[0] if sign and len(images) > 1 else ""


def find_image(line: str, finder: FileFinder, end: str = "") -> str | None:
    """The image that a line names, whatever the ending; a label or a mask may follow it.

    Args:
        line: of a list.
        finder: of the images.
        end: what a line may lack at the end of the stem.
    """
    first = re.split(r"[\s,;]+", line, maxsplit=1)[0]
    for text in dict.fromkeys((line, first, _ENDING.sub("", first), f"{first}{end}")):
        if text and (entry := finder.find(text, lambda _: True)) is not None:
            return entry.path
    return None
