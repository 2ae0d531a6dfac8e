"""Bring a version back from its contents in a store, into a new folder or into the data set itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.test_access import archive_damaged_split, archive_split, restore_test_accesses
from pupila.artifacts.dataset.versions.contents import (
    ContentFile,
    Contents,
    is_outside,
    list_files,
    unique_contents,
)
from pupila.artifacts.dataset.versions.objects import read_object
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads
from pupila.core.vocabulary import LABELS_COPY_FILE, LABELS_FILE, SPLITS_FILE

_SHOWN = 20  # files in a sentence that asks for consent, and in an error


@dataclass(frozen=True)
class RestorePlan:
    """What restoring a version into a folder would do."""

    contents: Contents
    folder: str
    identical: list[ContentFile] = field(default_factory=list)  # that are there already
    created: list[ContentFile] = field(default_factory=list)  # where no file is
    overwritten: list[ContentFile] = field(default_factory=list)  # where another file is
    removed: list[str] = field(default_factory=list)  # files of the data set that the version does not have

    @property
    def outside(self) -> list[ContentFile]:
        """The files that are written, and lie elsewhere than in the folder."""
        return [each for each in (*self.created, *self.overwritten) if is_outside(each.path)]

    @property
    def needs_consent(self) -> bool:
        """Whether it changes what is there, or writes elsewhere."""
        return bool(self.overwritten or self.removed or self.outside)

    def describe(self) -> list[str]:
        """What needs consent, in sentences."""
        lists = (
            (say_count("{n} file would be overwritten: {names}", "{n} files would be overwritten: {names}",
                       len(self.overwritten), names=_name(self.overwritten)), self.overwritten),
            (say_count("{n} file would be removed: {names}", "{n} files would be removed: {names}",
                       len(self.removed), names=listing(self.removed, _SHOWN)), self.removed),
            (say_count("{n} file lies outside of {folder}: {names}", "{n} files lie outside of {folder}: {names}",
                       len(self.outside), names=_name(self.outside), folder=self.folder), self.outside),
        )  # fmt: skip
        return [sentence for sentence, entries in lists if entries]


def _name(entries: list[ContentFile]) -> str:
    return listing([each.path for each in entries], _SHOWN)


def plan_restore(contents: Contents, folder: str) -> RestorePlan:
    """Compare a folder with the contents of a version; nothing is written.

    Args:
        contents: of the version.
        folder: where it would be restored.
    """
    plan = RestorePlan(contents, folder)
    there = {entry.path: entry for entry in list_files(folder)} if files.exists(folder) else {}
    find_size = _size_finder(folder, {path: entry.size for path, entry in there.items()})

    def compare(each: ContentFile) -> list[ContentFile]:
        if (size := find_size(each.path)) is None:
            return plan.created
        same = size == each.size and _hash_file(files.join(folder, each.path)) == each.sha256
        return plan.identical if same else plan.overwritten

    with progress(say("comparing files"), len(contents.files)) as advance:
        places = prefetch(contents.files, compare, reader_threads(folder))
        for each, entries in zip(contents.files, places, strict=True):
            entries.append(each)
            advance(1)
    plan.removed.extend(sorted(there.keys() - {each.path for each in contents.files}))
    return plan


def _size_finder(folder: str, there: dict[str, int]) -> Callable[[str], int | None]:
    def find(path: str) -> int | None:
        if path in there:
            return there[path]
        entry = files.stat_file(folder, path)
        return None if entry is None else entry.size

    return find


def _hash_file(uri: str) -> str:
    try:
        return files.sha256(files.read_bytes(uri))
    except OSError:
        return ""


def check_contents(plan: RestorePlan) -> None:
    """Read all contents that would be written, before anything is.

    Raises:
        PupilaError: some are missing or damaged; they are named with the files that they belong to.
    """
    store = plan.contents.store
    needed = [*unique_contents([*plan.created, *plan.overwritten])]

    def check(each: ContentFile) -> str:
        try:
            read_object(store, each.sha256)
        except PupilaError as fault:
            return f"{each.path} ({fault.problem})"
        return ""

    faults = []
    with progress(say("checking the store"), len(needed)) as advance:
        for fault in prefetch(needed, check, reader_threads(store)):
            faults += [fault] if fault else []
            advance(1)
    if faults:
        raise PupilaError(
            say_count("{n} file of the version can't be restored, and nothing was written",
                      "{n} files of the version can't be restored, and nothing was written", len(faults)),
            actual=listing(faults, _SHOWN), expected=say("every object as it was stored in {store}", store=store),
            remedy=say("restore the objects from a copy of the store; where a file is still at hand, delete the "
                       "damaged object and run {command}", command="pupila data snapshot DATA --store URI"),
        )  # fmt: skip


def write_restored(plan: RestorePlan, removes: bool = False) -> None:
    """Write the files, each whole or not at all; a repeated call resumes after an interruption.

    The split and its test accesses that are replaced are archived, as `pupila split --replace` does it.

    Args:
        plan: whose consent was given.
        removes: whether files that the version does not have are removed.

    Raises:
        PupilaError: contents are missing or damaged, or the folder can't be written to.
    """
    store, folder = plan.contents.store, plan.folder
    pending = sorted([*plan.created, *plan.overwritten], key=lambda each: each.path == SPLITS_FILE)
    splits = any(each.path == SPLITS_FILE for each in pending) or (removes and SPLITS_FILE in plan.removed)
    if splits:
        _archive_old_split(folder)

    def read(each: ContentFile) -> bytes:
        return read_object(store, each.sha256)

    with progress(say("restoring files"), len(pending)) as advance:
        for each, content in zip(pending, prefetch(pending, read, reader_threads(store)), strict=True):
            files.write_bytes(files.join(folder, each.path), content)
            if each.path == LABELS_FILE and not files.is_remote(folder):
                files.write_bytes(files.join(folder, LABELS_COPY_FILE), content)
            advance(1)
    for path in plan.removed if removes else []:
        files.remove(files.join(folder, path))
    if splits and (split := SplitFile.read(folder)) is not None:
        restore_test_accesses(folder, split.hash)


def _archive_old_split(folder: str) -> None:
    try:
        split = SplitFile.read(folder)
    except PupilaError:
        archive_damaged_split(folder)
        return
    if split is not None:
        archive_split(folder, split.hash)
