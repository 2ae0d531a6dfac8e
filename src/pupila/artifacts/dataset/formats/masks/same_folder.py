"""Masks in the folders of their images: `a.jpg` beside `a_mask.png` or `a.png`, or `a_x.png` beside `a_y.png`."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache

from pupila.artifacts.dataset.formats.file_names import read_stem
from pupila.artifacts.dataset.formats.masks.folder_names import hint
from pupila.artifacts.dataset.formats.masks.mask_candidates import Tree, spread
from pupila.artifacts.dataset.formats.masks.stems import Matches, part_of_name
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.imaging.masks.arrays import ARRAY_SUFFIXES

_MASK = re.compile(r"(.+?)([_\-. ]masks?)", re.IGNORECASE)
_TAIL = re.compile(r"(.+?)([_\-. ]+\d*[^\W\d_]+)")
_WORDS = re.compile(r"[^\W\d]+(_[^\W\d]+)*")
_SIGNS = tuple("_-. ")  # between words
_MOST_KINDS = 12  # of names in one folder that are compared
_MOST_IN_CASE = 8  # images of a folder that is one case: `image.png` beside `mask.png`
_SAMPLES = 6  # files of a kind that are looked at

Ends = tuple[str, str]  # what the stem ends with, "" for nothing; the ending


@dataclass(frozen=True, slots=True)
class _Group:
    """The files of one kind by folder and the rest of the stem."""

    kind: Ends
    files: dict[tuple[str, str], list[str]]

    @property
    def count(self) -> int:
        return sum(map(len, self.files.values()))

    @property
    def label(self) -> str:
        return f"*{self.kind[0]}{self.kind[1]}"


def match_within_folders(tree: Tree, named: bool = False) -> Matches | None:
    """The images with their masks, where most images have one in their folder; None where they don't.

    Args:
        tree: of all images.
        named: whether a user said that there are masks.

    Raises:
        PupilaError: some files look like masks of others, but most images have none; or several kinds fit the masks.
    """
    entries = [entry for some in tree.folders.values() for entry in some]
    groups = _group(tree)
    pairs = [(images, masks) for images in groups for masks in groups
             if images.kind != masks.kind and _match(images, masks)]  # fmt: skip
    masks = [pair for pair in pairs if _are_masks(tree, *pair)]
    if not masks:
        return None
    taken = {path for images, group in masks for key in images.files.keys() & group.files.keys()
             for path in group.files[key]}  # fmt: skip
    shown = _choose_images(
        [
            images
            for images, group in masks
            if not any(images.files[key][0] in taken for key in images.files.keys() & group.files.keys())
        ]
    )
    if shown is None:
        return None
    matches = Matches()
    for images, group in masks:
        if images is shown:
            for key in sorted(images.files.keys() & group.files.keys()):
                some = [
                    (path, part_of_name(read_stem(path)[len(key[1]) :])) for path in sorted(group.files[key])
                ]
                matches.masks.setdefault(images.files[key][0], []).extend(some)
    matches.unmatched = sorted(taken - {mask for some in matches.masks.values() for mask, _ in some})
    others = len(entries) - len(taken)
    if 2 * len(matches.masks) > others or named:
        return matches
    if len(matches.masks) >= 3:
        raise _unclear(matches, others)
    return None


def _group(tree: Tree) -> list[_Group]:
    """The kinds of names of which two files or more share the rest of the stem with another file."""
    by_kind: dict[Ends, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    in_cases = [entry.path for some in tree.folders.values() if len(some) <= _MOST_IN_CASE for entry in some]
    cases = {stem for path in in_cases if _WORDS.fullmatch(stem := read_stem(path))}
    recurring = Counter(stem for some in tree.folders.values() for entry in some
                        if (stem := read_stem(entry.path)) in cases) if cases else {}  # fmt: skip
    for parts, entries in tree.folders.items():
        folder, small = "/".join(parts), len(entries) <= _MOST_IN_CASE
        for entry in entries:
            stem, ending = read_stem(entry.path), files.suffix(entry.path)
            if small and recurring.get(stem, 0) > 1:
                by_kind[stem, ending][folder, ""].append(entry.path)
                continue
            by_kind["", ending][folder, stem].append(entry.path)
            if parted := _split_tail(_without_number(stem)):
                by_kind[parted[1], ending][folder, parted[0]].append(entry.path)
    groups = [_Group(kind, dict(some)) for kind, some in by_kind.items()]
    most = sorted(groups, key=lambda group: ("mask" not in group.kind[0], -group.count))[:_MOST_KINDS]
    return sorted(most, key=lambda group: group.kind)


def _without_number(stem: str) -> str:
    """The stem without the number that it ends in, and the sign before that."""
    words = stem.rstrip("0123456789")
    while words[-1:].isdecimal():  # in other scripts
        words = words[:-1]
    return words[:-1] if words != stem and words.endswith(_SIGNS) else words


@lru_cache(4096)  # many stems differ in their number alone
def _split_tail(words: str) -> tuple[str, str] | None:
    """A stem's beginning and its last word; None where it is one word."""
    match = _MASK.fullmatch(words) or _TAIL.fullmatch(words)
    return (match[1], match[2]) if match else None


def _match(images: _Group, masks: _Group) -> bool:
    """Whether most files of the second kind lie beside one of the first."""
    shared = images.files.keys() & masks.files.keys()
    return bool(shared) and 2 * len(shared) >= len(masks.files)


def _are_masks(tree: Tree, images: _Group, masks: _Group) -> bool:
    """Whether the second kind holds few values and has the shapes of the first, which holds photographs."""
    if hint(images.kind[0]) == "mask" or images.kind[1] in ARRAY_SUFFIXES:
        return False
    keys = spread(sorted(images.files.keys() & masks.files.keys()), _SAMPLES)
    photos = []
    for key in keys:
        if (second := tree.read(masks.files[key][0])) is None:
            continue
        if (first := tree.read(images.files[key][0])) is None:
            continue
        if not second.few or not first.fits(second):
            return False  # no further file is read
        photos.append(not first.few)
    named = "mask" in masks.kind[0] and "mask" not in images.kind[0]
    return bool(photos) and (named or 2 * sum(photos) >= len(photos))


def _choose_images(groups: list[_Group]) -> _Group | None:
    """The kind of the images: the one without a tail, or whose tail says image; None where that is open."""
    different = list({group.kind: group for group in groups}.values())
    named = [group for group in different if hint(group.kind[0].strip("_-. ")) == "image"]
    plain = [group for group in different if not group.kind[0]]
    for some in (different, named, plain):
        if len(some) == 1:
            return some[0]
    return max(plain, key=lambda group: group.count, default=None)


def _unclear(matches: Matches, others: int) -> PupilaError:
    masks = [some[0][0] for some in matches.masks.values()]
    return PupilaError(
        say("Some images may be masks of others"),
        actual=say_count("{n} of {others} images has a mask beside it: {masks}",
                         "{n} of {others} images have a mask beside them: {masks}", len(masks), others=others,
                         masks=listing(masks, 2)),
        expected=say("a mask for most images, or none"),
        remedy=say("name the layout: {flags}", flags="--layout masks, --layout folders"),
    )  # fmt: skip
