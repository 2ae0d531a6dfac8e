"""Versions of a data set: take, list, compare and restore them."""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Unpack

from pupila.api.data import open_with, results_folder
from pupila.api.inputs import Data, ModelInput, Path, is_path, path_text
from pupila.api.options import ReadOptions
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import DIFF_FILE, DIFF_PAGE_FILE

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.versions.bring_back import RestoredVersion, RestoreJob
    from pupila.artifacts.dataset.versions.difference import VersionDiff
    from pupila.artifacts.dataset.versions.snapshot import Snapshot
    from pupila.artifacts.dataset.versions.version import Version

NOW = "now"


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """A version in the log."""

    time: str  # ISO 8601, UTC: when it became the present one
    version: str
    by: str  # "train", "label", "restore" or the user who took it
    notes: list[str]
    runs: list[str]  # folders of runs that trained on it
    store: str  # where its contents are; empty: hashes only
    images: int | None  # None: its file is missing or damaged
    changes: str  # against the version before, in a few words; empty: the first, or unknown


@dataclass(frozen=True, repr=False)
class VersionLog(Displayed):
    """The versions of a data set, oldest first."""

    folder: str
    versions: list[LoggedVersion]
    faults: list[str] = field(default_factory=list)  # sentences on files and lines that are skipped

    def summary(self) -> Summary:
        """How many there are, and each with its time and changes."""
        count = say_count("{n} version", "{n} versions", len(self.versions))
        facts = {f"{v.time[:16]} {v.version[:12]}": " ".join(filter(None, [v.by, v.changes, *v.notes]))
                 for v in self.versions}  # fmt: skip
        return Summary("VersionLog", count, facts)


@dataclass(frozen=True, repr=False)
class DiffResult(Displayed):
    """What differs between two versions, and where the files on it are."""

    diff: "VersionDiff"
    file: str  # path of data-diff.json
    page: str  # path of data-diff.html

    def sentences(self) -> list[str]:
        """All that differs, the consequences first."""
        from pupila.artifacts.dataset.versions.sentences import describe_diff

        return describe_diff(self.diff)

    def summary(self) -> Summary:
        """Where the page is; on a card with the sentences."""
        facts = {f"{number}.": line for number, line in enumerate(self.sentences(), start=1)}
        return Summary("DiffResult", self.page, facts)


@public
def snapshot_data(
    data: Data, *, note: str = "", store: Path | None = None, **read: Unpack[ReadOptions]
) -> "Snapshot":
    """Record the version of a data set: one hash of its manifest with its labels, and of its split.

    Args:
        data: whatever `pupila.open` takes.
        note: why it is taken; the version can be named by it.
        store: a folder or a URI for the contents of every file; None: that of the last snapshot, if any.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: a file changes meanwhile, or a folder can't be written to.
    """
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.artifacts.dataset.versions.history import LogLine, last_store, versions_folder
    from pupila.artifacts.dataset.versions.snapshot import store_snapshot, take_snapshot, user_name

    opened = open_with(data, read)
    splits = SplitFile.read(opened.home)
    line = LogLine(time="", version="", by=user_name(), note=note)
    place = path_text(store) if store is not None else last_store(versions_folder(opened.home))
    return store_snapshot(opened, splits, place, line) if place else take_snapshot(opened, splits, line)


@public
def list_versions(data: Data) -> VersionLog:
    """The versions of a data set: when each was taken, by what, and what changed since the one before.

    Args:
        data: whatever `pupila.open` takes, or a store of contents; no image is read.
    """
    from pupila.artifacts.dataset.versions.compare import compare_versions
    from pupila.artifacts.dataset.versions.history import read_log, read_version
    from pupila.artifacts.dataset.versions.sentences import count_changes

    folder, _ = _find_versions(data)
    entries, faults = read_log(folder)
    versions: list[LoggedVersion] = []
    before: Version | None = None
    for entry in entries:
        version, changes = None, ""
        try:
            version = read_version(folder, entry.version)
        except PupilaError as fault:
            faults.append(str(fault))
        if before is not None and version is not None:
            changes = count_changes(compare_versions(before, version))
        versions.append(
            LoggedVersion(entry.time, entry.version, entry.by, entry.notes, entry.runs, entry.store,
                          version.info.images if version else None, changes)
        )  # fmt: skip
        before = version
    return VersionLog(folder, versions, list(dict.fromkeys(faults)))


@public
def diff_data(
    data: Data,
    before: ModelInput,
    after: ModelInput = NOW,
    *,
    out: Path | None = None,
    **read: Unpack[ReadOptions],
) -> DiffResult:
    """Write what differs between two versions of a data set: `data-diff.json` and `data-diff.html`.

    Args:
        data: whatever `pupila.open` takes.
        before: a version by its first digits or its note, "now", or a run or bundle that was trained on it.
        after: the later one.
        out: folder for both files; by default that of the data.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: no such version, or several.
    """
    from pupila.artifacts.dataset.versions.compare import compare_versions
    from pupila.artifacts.report.data_diff import build_diff_page
    from pupila.artifacts.report.page import render

    opened = open_with(data, read)
    first, second = _resolve(opened, before), _resolve(opened, after)
    diff = compare_versions(first, second, (_describe(before), _describe(after)))
    home = results_folder(opened, out)
    file, page = files.join(home, DIFF_FILE), files.join(home, DIFF_PAGE_FILE)
    files.write_json(file, diff.model_dump(mode="json", by_alias=True))
    content = build_diff_page(diff, first, second, _image_finder(opened))
    files.write_bytes(page, render(content).encode())
    return DiffResult(diff, file, page)


@public
def plan_restore(data: Data, version: ModelInput, *, to: Path | None = None) -> "RestoreJob":
    """What `restore_data` would do; nothing is written.

    Args:
        data: path of the data set, which need not be readable any more, or of the store that has its contents.
        version: by its first digits or its note, or a run or bundle that was trained on it.
        to: a folder; the data set's own restores it in place; None: a new folder beside the data.

    Raises:
        PupilaError: no such version, or its contents were not stored.
    """
    from pupila.artifacts.dataset.versions import restore
    from pupila.artifacts.dataset.versions.bring_back import RestoreJob
    from pupila.artifacts.dataset.versions.contents import read_contents
    from pupila.artifacts.dataset.versions.history import read_version
    from pupila.artifacts.dataset.versions.identity import SHORT

    if version == NOW:
        raise PupilaError(
            say("The present state can't be restored: it is what lies in the folder"),
            expected=say(
                "the first digits of a version, its note, or a run or bundle that was trained on it"
            ),
            remedy="pupila data log DATA",
        )
    folder, home = _find_versions(data)
    name = _find_name(folder, version)
    contents = read_contents(folder, name)
    if contents is None:
        raise PupilaError(
            say("Only the hashes of version {version} were recorded", version=name[:SHORT]),
            actual=say("no contents"), expected=say("a snapshot with --store"),
            remedy="pupila data snapshot DATA --store URI",
        )  # fmt: skip
    own = _find_folder(data, home)
    if to is None and not own:
        raise PupilaError(say("A store needs a folder to restore to"), remedy="--to FOLDER")
    target = path_text(to) if to is not None else f"{own.rstrip('/')}-{name[:SHORT]}"
    in_place = bool(own) and files.absolute(target) == files.absolute(own)
    if in_place and files.absolute(home) != files.absolute(own):
        raise PupilaError(
            say("{folder} is read-only", folder=own), expected=say("a writable folder"), remedy="--to FOLDER"
        )
    opened = path_text(data) if is_path(data) else data.source  # type: ignore[arg-type, union-attr]
    plan = restore.plan_restore(contents, target)
    return RestoreJob(read_version(folder, name), plan, home, opened if in_place else "")


@public
def restore_data(
    data: Data, version: ModelInput, *, to: Path | None = None, replace: bool = False
) -> "RestoredVersion":
    """Bring the images, labels and split of a version back from its store.

    Args:
        data: path of the data set, which need not be readable any more, or of the store that has its contents.
        version: by its first digits or its note, or a run or bundle that was trained on it.
        to: a folder; the data set's own restores it in place, and its present state is stored before; None: a new
            folder beside the data.
        replace: whether files may be overwritten and removed, and images outside of the folder written.

    Raises:
        PupilaError: no such version, contents that are missing or damaged, or consent that is missing.
    """
    return plan_restore(data, version, to=to).run(replace)


def _resolve(data: "Dataset", version: ModelInput) -> "Version":
    """The version that a user names, of open data."""
    from pupila.artifacts.dataset.splits import SplitFile
    from pupila.artifacts.dataset.versions.history import read_version, versions_folder
    from pupila.artifacts.dataset.versions.version import make_version

    if version == NOW:
        return make_version(data, SplitFile.read(data.home))
    folder = versions_folder(data.home)
    return read_version(folder, _find_name(folder, version))


def _find_name(folder: str, version: ModelInput) -> str:
    """The whole name of a version that a user names, or that a run or bundle was trained on."""
    from pupila.artifacts.bundle.folder import has_bundle
    from pupila.artifacts.dataset.versions.history import find_version, list_versions
    from pupila.artifacts.dataset.versions.identity import SHORT, hash_version
    from pupila.artifacts.run.folder import is_run
    from pupila.artifacts.run.source import RunSource, TableSource, parse_source

    if is_path(version):
        text = path_text(version)  # type: ignore[arg-type]
        if not (is_run(text) or has_bundle(text)):
            return find_version(folder, text)
    source = parse_source(version)
    assert not isinstance(source, TableSource)  # neither a run nor a bundle
    trained = source.run.plan if isinstance(source, RunSource) else source.bundle.info
    name = trained.data_version or hash_version(trained.data_hash, trained.splits_hash)
    if name not in list_versions(folder):
        raise PupilaError(
            say("The data version of {name} is not recorded", name=source.name), actual=name[:SHORT] or say("none"),
            expected=say("a version in {folder}", folder=folder), remedy="pupila data log DATA",
        )  # fmt: skip
    return name


def _describe(version: ModelInput) -> str:
    """What a user calls a version."""
    if not is_path(version):
        return PurePath(version.folder).name  # type: ignore[union-attr]
    text = path_text(version)  # type: ignore[arg-type]
    return text[:12] if len(text) == 64 else text


def _find_versions(data: Data) -> tuple[str, str]:
    """The folder of the versions, and that of the data set's own files; empty where `data` is a store."""
    from pupila.artifacts.dataset.formats.place import Place
    from pupila.artifacts.dataset.home import find_home
    from pupila.artifacts.dataset.versions.history import versions_folder
    from pupila.artifacts.dataset.versions.objects import OBJECTS
    from pupila.artifacts.dataset.versions.snapshot import STORED_VERSIONS

    if is_path(data):
        beside = Place(path_text(data)).home  # type: ignore[arg-type]
        stored = files.join(beside, STORED_VERSIONS)
        homes = dict.fromkeys((find_home(beside), beside)) if files.is_folder(beside) else {}
        for home in homes:
            if files.is_folder(versions_folder(home)):
                return versions_folder(home), home
        if files.is_folder(stored) and files.is_folder(files.join(beside, OBJECTS)):
            return stored, ""
    opened = open_with(data, {})
    return versions_folder(opened.home), opened.home


def _find_folder(data: Data, home: str) -> str:
    """The folder of the data; empty where `data` is a store."""
    from pupila.artifacts.dataset.formats.place import Place

    if not home:
        return ""
    return Place(path_text(data)).home if is_path(data) else data.folder  # type: ignore[arg-type, union-attr]


def _image_finder(data: "Dataset") -> Any:
    """What reads an image by its SHA-256: among the data, else from the store of the last snapshot."""
    from pupila.artifacts.dataset.versions.history import last_store, versions_folder
    from pupila.artifacts.dataset.versions.objects import object_uri, size_finder
    from pupila.artifacts.report.gallery import load_image

    paths = {digest: data.path(row) for row, digest in enumerate(data.images["sha256"])}
    store = last_store(versions_folder(data.home))
    find_size = size_finder(store) if store else None

    def find(digest: str, caption: str) -> Any:
        uri = paths.get(digest)
        if uri is None and find_size is not None and find_size(digest) is not None:
            uri = object_uri(store, digest)
        return None if uri is None else load_image(uri, caption, data.bands, data.limits)

    return find
