"""Folders of images: one per class, with or without train/val/test above, or one flat folder without labels."""

import re
from collections import Counter
from dataclasses import replace

from pupila.artifacts.dataset.formats.file_finder import folder_content, split_from_words
from pupila.artifacts.dataset.formats.listing import Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.same_folder import pair_masks
from pupila.artifacts.dataset.formats.table import asks_for_several, read_class_columns, read_unfit_table
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, TRAIN


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The folder's images, with classes and splits named by its subfolders."""
    if not place.is_folder:
        return None
    path, root, notes = place.path, place.root, place.describe_root(place.root)
    images, oddities = place.images, list(place.others)
    if not images:
        raise PupilaError(
            say("No images in {path}", path=path), actual=_describe_content(oddities),
            expected=say("a folder per class, a flat folder of images, or a table"), remedy="docs/reference/dataset.md",
        )  # fmt: skip
    if (with_masks := pair_masks(root, images, oddities)) is not None:
        return replace(with_masks, home=path, notes=notes)
    levels = _Levels(root, images)
    if not levels.are_classes:
        several = asks_for_several(settings)
        table = read_class_columns(root, several) or (read_unfit_table(root) if several else None)
        if table is not None:
            return replace(table, home=path, notes=[*notes, *table.notes])
    oddities += levels.empty_classes()
    notes = [*notes, *(levels.describe_splits() if levels.split_level else _splits_in_names(images))]
    rows = as_rows(images, {
        "target": [levels.target(e.path) for e in images],
        "given_split": [levels.split(e.path) for e in images],
        "subfolder": [levels.rest(e.path) for e in images],
    })  # fmt: skip
    return Listing(levels.layout(), root, rows, path, oddities, notes, folders=True)


def _splits_in_names(images: list[files.FileEntry]) -> list[str]:
    """A note, where every file name begins with the name of a split."""
    starts = {re.split(r"[_\-. ]", e.path.rpartition("/")[2], maxsplit=1)[0] for e in images}
    if len(starts) < 2 or not starts <= set(SPLIT_WORDS):
        return []
    by = f"'^({'|'.join(sorted(starts))})'"
    return [say("File names begin with {words}. To keep that split, use --by {by}.",
                words=", ".join(sorted(starts)), by=by)]  # fmt: skip


def _describe_content(oddities: list[Oddity]) -> str:
    counts = Counter(files.suffix(o.subject) or o.subject for o in oddities)
    return listing([f"{n} x {suffix}" for suffix, n in counts.most_common()]) or say("an empty folder")


class _Levels:
    """The levels of the path that name the split and the class."""

    def __init__(self, root: str, images: list[files.FileEntry]) -> None:
        self.root = root
        self.splits = _find_splits([e.path for e in images if "/" in e.path])
        self.split_level = bool(self.splits)
        self.wrapped = _find_wrapped([e.path for e in images]) if self.splits else set()
        depth = 1 if self.split_level else 0
        levels = {parts[depth] for e in images if len(parts := self.parts(e.path)) > depth + 1}
        named = any(
            folder_content(name) != "image" for name in levels
        )  # a single folder `images/` is not a class
        self.class_level = depth if named else None
        self.classes = {target for e in images if (target := self.target(e.path)) is not None}

    def parts(self, path: str) -> list[str]:
        """The parts of the path, without a lone folder around a split."""
        top, *rest = path.split("/")
        return [top, *rest[1:]] if top in self.wrapped else [top, *rest]

    @property
    def are_classes(self) -> bool:
        """Whether several folders may be classes: one alone may be what the images lie in."""
        return len({name for name in self.classes if not folder_content(name)}) > 1

    def split(self, path: str) -> str | None:
        word = path.partition("/")[0]
        return self.splits.get(word, word) if self.split_level and "/" in path else None

    def target(self, path: str) -> str | None:
        parts = self.parts(path)
        if self.class_level is None or len(parts) < self.class_level + 2:
            return None
        return parts[self.class_level]

    def rest(self, path: str) -> str | None:
        """The folders below the class, "" for none."""
        if self.class_level is None:
            return path.rpartition("/")[0]
        return "/".join(self.parts(path)[self.class_level + 1 : -1])

    def describe_splits(self) -> list[str]:
        """A note, where the name of a split's folder only contains the word."""
        read = [say("{folder} is {split}", folder=top, split=split)
                for top, split in sorted(self.splits.items()) if top.lower() not in SPLIT_WORDS]  # fmt: skip
        return [say("Top folders are splits, not classes: {folders}.", folders=listing(read))] if read else []

    def empty_classes(self) -> list[Oddity]:
        tops = files.list_folders(self.root)
        if self.split_level:
            tops = [
                c
                for t in tops
                if t in self.splits
                for c in files.list_folders(files.join(self.root, f"{t}/{t}" if t in self.wrapped else t))
            ]
        if self.class_level is None:
            return []
        empty = sorted(set(tops) - self.classes)
        return [Oddity(name, "empty-class", say("a class folder without images")) for name in empty]

    def layout(self) -> str:
        if self.class_level is None:
            return say("a folder of images without labels")
        return (
            say("a folder per class below train/val/test") if self.split_level else say("a folder per class")
        )


def _find_splits(paths: list[str]) -> dict[str, str]:
    """Top folder -> split, where the top folders are splits; empty where they are none.

    One of them is for training, and there are two or more. Names that only contain the word (`training_set`,
    `train2017`) count where class folders lie below the one for training, or below a folder of its name in it.
    """
    tops = {path.partition("/")[0] for path in paths}
    exact = {top: SPLIT_WORDS[top.lower()] for top in tops if top.lower() in SPLIT_WORDS}
    loose = {top: split for top in tops if (split := split_from_words(top))}
    deep = {path.split("/")[0] for path in paths if path.count("/") > 1}
    splits = loose if any(top in deep for top, split in loose.items() if split == TRAIN) else exact
    return splits if len(splits) > 1 and TRAIN in splits.values() else {}


def _find_wrapped(paths: list[str]) -> set[str]:
    """The top folders that hold one folder of the same name and nothing else: `train/train/cats/1.jpg`."""
    inner: dict[str, set[str]] = {}
    for top, second, *rest in (path.split("/") for path in paths if "/" in path):
        inner.setdefault(top, set()).add(second if rest else "")
    return {top for top, names in inner.items() if names == {top}}
