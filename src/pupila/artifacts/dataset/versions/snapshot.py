"""Take a version: hashes beside the data, and on request the contents into a store."""

import contextlib
import getpass
from collections.abc import Iterator
from dataclasses import dataclass

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.versions.contents import (
    ContentFile,
    Contents,
    SourceFile,
    is_outside,
    list_sources,
    read_source,
    write_contents,
)
from pupila.artifacts.dataset.versions.history import (
    LogLine,
    append_log,
    now_text,
    versions_folder,
    write_version,
)
from pupila.artifacts.dataset.versions.objects import size_finder, write_object
from pupila.artifacts.dataset.versions.sentences import describe_size
from pupila.artifacts.dataset.versions.version import Version, make_version
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count, say_images
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads

STORED_VERSIONS = "versions"  # folder of a store with the versions whose contents it has


@dataclass(frozen=True, repr=False)
class Snapshot(Displayed):
    """A version that was taken."""

    version: Version
    is_new: bool  # whether the log got a line: another version than the last, or a new note, run or store
    contents: Contents | None = None  # None: hashes only
    written: int = 0  # contents that the store did not have
    written_bytes: int = 0

    def sentences(self) -> list[str]:
        """The version, and what was stored."""
        info, contents = self.version.info, self.contents
        lines = [say("Version {version}: {images}.", version=info.short, images=say_images(info.images))]
        if not self.is_new:
            lines.append(say("Nothing has changed since it was recorded."))
        if contents is None:
            return [*lines, say("Recorded by hashes alone: --store URI also stores the contents, so that it can be "
                                "restored.")]  # fmt: skip
        return [*lines, say_count(
            "{n} file, {size}, in {store}; written now: {written}, {written_size}.",
            "{n} files, {size}, in {store}; written now: {written}, {written_size}.", len(contents.files),
            size=describe_size(contents.bytes), store=contents.store, written=self.written,
            written_size=describe_size(self.written_bytes),
        )]  # fmt: skip

    def summary(self) -> Summary:
        """The version and what was stored."""
        info = self.version.info
        facts = {say("store"): self.contents.store} if self.contents else {}
        return Summary(
            "Snapshot", say("{version}: {images}", version=info.short, images=say_images(info.images)), facts
        )


def user_name() -> str:
    """Who takes a version by hand: the user of this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container that has no name for its user
        return "anonymous"


def take_snapshot(data: Dataset, splits: SplitFile | None, line: LogLine | None = None) -> Snapshot:
    """Record the version of an open data set beside it; no file of the data is read.

    Args:
        data: with the labels in force.
        splits: its `splits.json`, if any.
        line: for the log: who takes it, a note, a run; its version and time are filled in.

    Raises:
        PupilaError: the folder of the data set's own files can't be written to.
    """
    version, folder = make_version(data, splits), versions_folder(data.home)
    write_version(folder, version)
    return Snapshot(version, append_log(folder, _complete(line, version)))


def store_snapshot(
    data: Dataset, splits: SplitFile | None, store: str, line: LogLine | None = None
) -> Snapshot:
    """Record the version, and store the contents of every file of the data set that the store does not have.

    Args:
        data: with the labels in force.
        splits: its `splits.json`, if any.
        store: a folder or a URI.
        line: for the log.

    Raises:
        PupilaError: a file can't be read, or changes meanwhile; or the store can't be written to, or returns other
            bytes.
    """
    store = files.absolute(store)
    _refuse_inside(store, data)
    version = make_version(data, splits)
    sources = list_sources(data)
    stored, written, size = _store_all(sources, store)
    contents = Contents(version.name, store, stored)
    above = files.join(store, STORED_VERSIONS)
    for folder in (above, versions_folder(data.home)):
        write_version(folder, version)
        write_contents(folder, contents)
    full = _complete(line, version).model_copy(update={"store": store})
    append_log(above, full)
    return Snapshot(version, append_log(versions_folder(data.home), full), contents, written, size)


def _refuse_inside(store: str, data: Dataset) -> None:
    """Refuse a store among the images: they would be read again as images of further classes."""
    for folder in (data.folder, data.root):
        if not is_outside(files.relative(store, files.absolute(folder))):
            raise PupilaError(
                say("The store lies in the data folder, where its contents would be read as images"), actual=store,
                expected=say("a folder elsewhere"), remedy="--store FOLDER",
            )  # fmt: skip


def _complete(line: LogLine | None, version: Version) -> LogLine:
    given = line or LogLine(time="", version="", by=user_name())
    return given.model_copy(update={"time": now_text(), "version": version.name})


def _store_all(sources: list[SourceFile], store: str) -> tuple[list[ContentFile], int, int]:
    """The files with their hashes; how many contents were written, and their bytes."""
    find_size = size_finder(store)

    def keep(source: SourceFile) -> tuple[ContentFile, bool]:
        if source.sha256 and source.size >= 0 and find_size(source.sha256) == source.size:
            return ContentFile(source.path, source.sha256, source.size), False
        content = read_source(source)
        digest = files.sha256(content)
        stored = find_size(digest) == len(content)
        if not stored:
            write_object(store, content)
        return ContentFile(source.path, digest, len(content)), not stored

    workers = max(reader_threads(store), reader_threads(sources[0].uri) if sources else 0)
    listed, fresh = [], dict[str, int]()
    with progress(say("storing files"), len(sources)) as advance:
        for content_file, is_new in prefetch(sources, keep, workers):
            listed.append(content_file)
            if is_new:
                fresh[content_file.sha256] = content_file.size
            advance(1)
    return listed, len(fresh), sum(fresh.values())


@contextlib.contextmanager
def _reporting(sentences: list[str]) -> Iterator[None]:
    try:
        yield
    except (PupilaError, OSError) as fault:
        sentences.append(say("The version of the data was not recorded: {reason}", reason=str(fault)))


def mark_run(data: Dataset, version: str, run: str) -> None:
    """Name a run that trained on a version in the log.

    Args:
        data: the data set.
        version: its name.
        run: folder of the run, from anywhere.

    Raises:
        PupilaError: the log can't be written to.
    """
    line = LogLine(time=now_text(), version=version, by="train", run=run)
    append_log(versions_folder(data.home), line)


def record_version(data: Dataset, splits: SplitFile | None, by: str) -> list[str]:
    """Record the version of data that are about to be trained on, or were labelled; a failure stops nothing.

    Args:
        data: with the labels in force.
        splits: its `splits.json`, if any.
        by: "train" or "label".

    Returns:
        Sentences for the user: none, or why it was not recorded.
    """
    sentences: list[str] = []
    with _reporting(sentences):
        take_snapshot(data, splits, LogLine(time="", version="", by=by))
    return sentences
