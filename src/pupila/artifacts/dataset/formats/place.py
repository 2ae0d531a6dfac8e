"""The path that a user named and what lies there: walked once, however many layouts look at it."""

from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.file_finder import list_images
from pupila.artifacts.dataset.formats.listing import Listing, Oddity
from pupila.artifacts.dataset.formats.tables.class_files import CLASS_FILES
from pupila.artifacts.dataset.formats.tools.annotation_tools import (
    ToolFiles,
    explain_unread,
    find_annotations,
)
from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS, is_own_file
from pupila.imaging.masks.arrays import ARRAY_SUFFIXES

_ANNOTATIONS = "annotations"  # where COCO keeps its files, beside the folders of images

_SHOWN = 3  # files that can't be read
_DOCUMENTS = {".md", ".rst", ".html", ".py", ".ipynb", ".pdf", ".css", ".js", ".sh", ".toml", ".cfg", ".ini"}


class Place:
    """A file, or a folder with the images and all other files below it."""

    def __init__(self, path: str) -> None:
        self.path = path  # as the user named it; the data set's own files lie there by default
        self.is_folder = files.is_folder(path)

    @cached_property
    def home(self) -> str:
        """The folder that is named, or that the file lies in."""
        if self.is_folder:
            return self.path.rstrip("/") or "/"
        return self.path.rpartition("/")[0] or "."

    @cached_property
    def _steps(self) -> list[str]:
        """The folder that is named, and the lone folders within it: each the only one that holds data."""
        steps = [self.home]
        while self.is_folder:
            folder = steps[-1]
            names = files.list_folders(folder)
            if len(names) > 1:  # two of them with data are enough to stop here
                names = list(islice((n for n in names if not _documents_only(files.join(folder, n))), 2))
            loose = any(files.suffix(name) in IMAGE_SUFFIXES for name in files.list_files(folder))
            if len(names) != 1 or names[0].lower() in SPLIT_WORDS or loose:
                break
            steps.append(files.join(folder, names[0]))
        return steps

    @cached_property
    def root(self) -> str:
        """The folder of the data: lone folders, as archives make them, are stepped through to the one with several."""
        return next((step for step in reversed(self._steps) if len(files.list_folders(step)) > 1), self.home)

    @property
    def folders(self) -> list[str]:
        """Where files that describe the whole data set may lie: the folder that is named, and those up to the root."""
        return self._steps[: self._steps.index(self.root) + 1]

    def describe_root(self, root: str) -> list[str]:
        """A note where the data are read from the inner folder."""
        return [] if root == self.home else [
            say("Read from the inner folder {name}.", name=files.relative(root, self.home))
        ]  # fmt: skip

    @cached_property
    def images(self) -> list[files.FileEntry]:
        """All images below the root, by extension or content."""
        return self._content[0]

    @property
    def images_by_annotations(self) -> list[files.FileEntry]:
        """The same, with paths below the root of the annotations."""
        below = files.relative(self.root, self.annotations.root)
        if below == ".":
            return self.images
        return [entry._replace(path=f"{below}/{entry.path}") for entry in self.images]

    @cached_property
    def others(self) -> list[Oddity]:
        """All other files below the root, with the reason why they are no images."""
        return self._content[1]

    @cached_property
    def arrays(self) -> list[files.FileEntry]:
        """The arrays of NumPy below the root: never images, but masks where they match some."""
        return [files.FileEntry(other.subject, 0, 0) for other in self.others
                if files.suffix(other.subject) in ARRAY_SUFFIXES and other.code != "hidden-file"]  # fmt: skip

    @cached_property
    def annotations(self) -> ToolFiles:
        """The files of annotation tools: the file that is named, or those of the folder."""
        if not self.is_folder:
            above = self.home.rpartition("/")[0] or "."
            root = above if PurePosixPath(self.home).name.lower() == _ANNOTATIONS else self.home
            return find_annotations(root, [files.relative(self.path, root)])
        root, below = self.root, [other.subject for other in self.others if other.code == "other-file"]
        if self.root != self.home:
            inner = files.relative(self.root, self.home)
            loose = files.list_files(self.home)
            paths = [path for path in loose if path not in CLASS_FILES and not is_own_file(path)]
            loose_files = find_annotations(self.home, paths)
            if loose_files.by_tool or loose_files.broken:
                below, root = [*paths, *(f"{inner}/{path}" for path in below)], self.home
        return find_annotations(root, [p for p in below if PurePosixPath(p).name not in CLASS_FILES])

    def doubt_unread(self, source: Listing, broken: list[str]) -> Listing:
        """The listing with a word about files that are likely to hold labels, and could not be read.

        Files of other forms count only where there are no labels: captions may lie beside annotations.

        Args:
            source: as its layout's reader gives it.
            broken: sentences about other files than those of annotation tools.
        """
        unlabelled = not source.rows["target"].count()
        broken = broken + self.describe_unread()
        source = source if unlabelled else replace(source, notes=[*source.notes, *broken])
        if "annotations" not in self.__dict__:
            return source
        matches = self.annotations
        source = replace(source, notes=[*source.notes, *matches.bare.values()])
        sentences = [
            say(
                "{path} looks like annotations, but can't be read: {reason}.",
                path=path,
                reason=reason.rstrip("."),
            )
            for path, reason in list(matches.suspects.items())[:_SHOWN]
        ]
        if matches.foreign and unlabelled:
            sentences.append(
                say("{paths}: annotations of no form that Pupila reads.", paths=listing(matches.foreign, 3))
            )
        if unlabelled:
            sentences += broken + self._describe_unmarked()
        doubt = " ".join(filter(None, [source.doubt, *sentences]))
        return replace(source, doubt=doubt)

    def describe_unread(self) -> list[str]:
        """A sentence about files that may hold annotations, and can't be opened, where they were looked for."""
        unread = self.annotations.unread if "annotations" in self.__dict__ else {}
        return [_describe_likely(len(unread), *next(iter(unread.items())))] if unread else []

    def _describe_unmarked(self) -> list[str]:
        """A sentence about files that have the names of images, or lie where the labels of all images do."""
        stems = {PurePosixPath(entry.path).stem for entry in self.images}
        likely = [path for path in self.annotations.unmarked if "/" not in path
                  or {name := PurePosixPath(path).stem, PurePosixPath(name).stem} & stems]  # fmt: skip
        if not likely:
            return []
        reason = explain_unread(files.join(self.annotations.root, likely[0]))
        return [_describe_likely(len(likely), likely[0], reason)]

    @cached_property
    def _content(self) -> tuple[list[files.FileEntry], list[Oddity]]:
        return list_images(self.root)


def _describe_likely(count: int, path: str, reason: str) -> str:
    """A sentence about files that may hold labels.

    Args:
        count: of them.
        path: of the first.
        reason: why that one can't be read.
    """
    return say_count("{n} file that may hold labels can't be read ({path}: {reason}).",
                     "{n} files that may hold labels can't be read ({path}: {reason}).", count,
                     path=path, reason=reason)  # fmt: skip


def _documents_only(folder: str) -> bool:
    """Whether the folder holds nothing but documents and programs: no images, labels or tables."""
    return all(files.suffix(entry.path) in _DOCUMENTS for entry in files.walk(folder))
