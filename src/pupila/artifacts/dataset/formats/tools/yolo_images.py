"""The images of a folder of YOLO labels: in the folders and lists that its file names, wherever these were written."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import (
    FileFinder,
    content_by_path,
    list_images,
    split_from_path,
    split_from_words,
)
from pupila.artifacts.dataset.formats.file_names import (
    count_common_parts,
    describe_outside,
    leaves_root,
    name_key,
)
from pupila.artifacts.dataset.formats.listing import Oddity
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.text_tables import list_lines
from pupila.artifacts.dataset.formats.tools.yolo_config import YoloConfig
from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import SPLIT_WORDS, TRAIN

_LISTS = (".txt", ".cache")  # labels, lists and caches beside images: no oddities


@dataclass(slots=True)
class YoloImages:
    """The images by their path, with the split that each first came in."""

    by_path: dict[str, tuple[files.FileEntry, str | None]] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def locate_images(place: Place, config: YoloConfig) -> YoloImages:
    """All images of all splits; without splits, all images below the root that are no masks."""
    images = YoloImages()
    if not config.splits:
        entries, others = _list_all(place, config.root)
        chosen = [entry for entry in entries if content_by_path(entry.path) != "mask"]
        images.by_path = {entry.path: (entry, split_from_path(entry.path)) for entry in chosen}
        masks = sorted(
            {entry.path.rpartition("/")[0] for entry in entries} - {c.path.rpartition("/")[0] for c in chosen}
        )
        if masks:
            images.notes.append(say("Masks in {folders} are not read; to read them instead of outlines, use {flag}.",
                                    folders=listing(masks, 3), flag="--layout masks"))  # fmt: skip
        images.oddities = [o for o in others if not o.subject.lower().endswith((*_LISTS, ".names"))]
        return images
    folders = _FolderSearch(place, config.root)
    home = place.home
    taken = [uri for some in config.splits.values() for each in some if (uri := _resolve(config, each, home))]
    repeated: Counter[str] = Counter()
    for key, locations in config.splits.items():
        split = SPLIT_WORDS[key.lower()]
        for location in locations:
            uri = _resolve(config, location, home)
            outside = uri is None and _resolve(config, location) is not None
            if uri is None and not outside and (uri := folders.find(location)) and uri not in taken:
                note = say(
                    "{file} is read for {location}.", file=files.relative(uri, config.root), location=location
                )
                images.notes.append(note)
            elif uri is None or uri not in taken:
                reason = describe_outside() if outside else folders.explain(location)
                images.oddities.append(Oddity(f"{key}: {location}", "row-without-image", reason))
                continue
            for entry in _list_split(config.root, uri, images):
                repeated[split] += images.by_path.setdefault(entry.path, (entry, split))[1] != split
    if TRAIN not in {SPLIT_WORDS[key.lower()] for key in config.splits}:
        _add_unnamed(place, config, images)
    images.notes += [say_count("{n} image of {split} is also in a split before it and counts there.",
                               "{n} images of {split} are also in a split before it and count there.", n, split=split)
                     for split, n in repeated.items() if n]  # fmt: skip
    return images


def _add_unnamed(place: Place, config: YoloConfig, images: YoloImages) -> None:
    """Add the images of the folders that are called like a training split, where the file names none."""
    entries, _ = _list_all(place, config.root)
    unnamed = [entry for entry in entries if split_from_path(entry.path) == TRAIN
               and entry.path not in images.by_path and content_by_path(entry.path) != "mask"]  # fmt: skip
    images.by_path |= {entry.path: (entry, TRAIN) for entry in unnamed}
    if unnamed:
        folders = sorted({entry.path.rpartition("/")[0] for entry in unnamed})
        images.notes.append(say_count("{file} names no training images: {n} image in {folders} is read as train.",
                                      "{file} names no training images: {n} images in {folders} are read as train.",
                                      len(unnamed), file=files.relative(config.uri, config.root),
                                      folders=listing(folders, 3)))  # fmt: skip


class _FolderSearch:
    """Finds folders and lists of another machine by the longest end of their path that one alone has."""

    def __init__(self, place: Place, root: str) -> None:
        self._place, self._root = place, root
        self._several: dict[str, list[str]] = {}

    @cached_property
    def _paths(self) -> list[str]:
        """The folders with images below them, and the lists of the root, by their path."""
        entries, _ = _list_all(self._place, self._root)
        parents = dict.fromkeys(entry.path.rpartition("/")[0] for entry in entries)
        folders = dict.fromkeys(
            str(above) for path in parents for above in (PurePosixPath(path), *PurePosixPath(path).parents)
        )
        return [*(path for path in folders if path != "."), *files.list_files(self._root)]

    def find(self, location: str) -> str | None:
        """The folder or list, which must lie in the location's split; None where there is none or several."""
        split = split_from_words(name_key(location))
        ends = {path: count_common_parts(location, path) for path in self._paths}
        ends = {path: n for path, n in ends.items() if n and split_from_words(path) == split}
        longest = [path for path, n in ends.items() if n == max(ends.values())]
        if len(longest) > 1:
            self._several[location] = longest
        return _normalize(files.join(self._root, longest[0])) if len(longest) == 1 else None

    def explain(self, location: str) -> str:
        """Why it was not found, in words."""
        if location in self._several:
            return say("several files fit: {names}", names=listing(self._several[location], 3))
        return say("no such folder or list")


def _list_all(place: Place, root: str) -> tuple[list[files.FileEntry], list[Oddity]]:
    return (place.images, place.others) if place.root == root else list_images(root)


def _resolve(config: YoloConfig, named: str, home: str = "") -> str | None:
    """The folder or list where it is as named, or one level off as exports have it.

    Args:
        config: that names it.
        named: the location.
        home: folder that a relative location must not leave, and that no location may hold; empty: any.
    """
    plain = named.replace("\\", "/")
    bare = re.sub(r"^(\.{1,2}/)+", "", plain)
    base = files.join(config.base.replace("\\", "/"), plain) if config.base else plain
    tries = [files.join(config.root, candidate) for candidate in (base, plain, bare)]
    relative = not files.is_remote(base) and not PurePosixPath(base).is_absolute()
    located = (_normalize(uri) for uri in tries if files.exists(uri))
    return next((uri for uri in located if not home or _is_allowed(uri, home, relative)), None)


def _is_allowed(uri: str, home: str, relative: bool) -> bool:
    """Whether a folder or list may be read: a relative one lies in the data, and none holds the data."""
    below = files.relative(uri, home)
    return not (leaves_root(below) and (relative or set(below.split("/")) == {".."}))


def _normalize(uri: str) -> str:
    """The address in the one form that others are compared in."""
    return uri if files.is_remote(uri) else files.normalize_path(uri)


def _list_split(root: str, uri: str, images: YoloImages) -> list[files.FileEntry]:
    """The images of a folder, or of a text file with one image path per line; paths are relative to the root."""
    if files.is_folder(uri):
        entries, others = list_images(uri)
        below = files.relative(uri, root)
        prefix = "" if below == "." else f"{below}/"
        others = [] if leaves_root(below) else others  # what else lies elsewhere is none of the data's
        images.oddities += [Oddity(f"{prefix}{o.subject}", o.code, o.reason) for o in others
                            if not (o.code == "other-file" and o.subject.lower().endswith(_LISTS))]  # fmt: skip
        return [files.FileEntry(f"{prefix}{e.path}", e.size, e.modified) for e in entries]
    finder = FileFinder(root)
    split = split_from_words(PurePosixPath(uri).stem)
    home = files.relative(uri, root).rpartition("/")[0]
    lines = [line.replace("\\", "/") for line in list_lines(files.read_bytes(uri))]
    located = {line: finder.find(line, lambda hit: split_from_path(hit) == split, home) for line in lines}
    images.oddities += [Oddity(line, "row-without-image", finder.explain(line))
                        for line, entry in located.items() if entry is None]  # fmt: skip
    images.notes += finder.notes(bare_names=True)
    return [entry for entry in located.values() if entry]
