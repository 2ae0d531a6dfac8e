"""The files that a data set consists of: images, masks, tables, annotations, class files, labels, split and manifest.

What lies in its folder belongs to it, whatever the layout, so that a restored folder is read as the first one was.
Reports, runs, bundles, registries, hidden files and the record of test accesses do not: no restoring may forget an
access.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pupila.artifacts.dataset.formats.masks.mask_files import read_mask_files
from pupila.artifacts.dataset.formats.tools.annotations import annotation_files
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.mask_target import is_drawn
from pupila.core import checksums, files
from pupila.core.errors import PupilaError, name_unread_files
from pupila.core.messages import say
from pupila.core.vocabulary import (
    ADDED_FOLDER,
    AUDIT_FILE,
    LABELS_FILE,
    MANIFEST_FILE,
    PATCH_FILE,
    PRODUCTS_FILE,
    QUEUE_FILE,
    REJECTED_FILE,
    SPLITS_FILE,
    SUSPECTS_FILE,
    VISITS_FILE,
    is_own_file,
)

CONTENTS_SUFFIX = ".contents.json"
CONTENTS_SCHEMA = 1
RECORDS = frozenset({MANIFEST_FILE, SPLITS_FILE, LABELS_FILE, AUDIT_FILE, SUSPECTS_FILE, PATCH_FILE, QUEUE_FILE,
                     PRODUCTS_FILE, REJECTED_FILE, VISITS_FILE})  # fmt: skip
_RESULTS = frozenset(
    {"plan.json", "bundle.json", "sweep.json"}
)  # of a run, a bundle and a sweep: not of the data
_REGISTERED = frozenset({"model.json", "history.jsonl"})  # of a model in a registry


class ContentFile(NamedTuple):
    """One file of a version."""

    path: str  # below the folder of the data; an address, or with "..", where it lies elsewhere
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Contents:
    """The files of a version, and where their bytes are."""

    version: str
    store: str
    files: list[ContentFile]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(each.size for each in self.files)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that is stored."""

    path: str  # as in `ContentFile`
    uri: str  # where it is read
    sha256: str = ""  # where it is known without reading
    size: int = -1  # where it is known
    content: bytes | None = None  # of what is no file


def list_sources(data: Dataset) -> list[SourceFile]:
    """All files of an open data set, sorted by path."""
    folder = data.folder
    known = _known_files(data)
    sources = {}
    for entry in list_files(folder):
        uri = files.join(folder, entry.path)
        sources[entry.path] = SourceFile(entry.path, uri, known[uri][1] if uri in known else "", entry.size)
    if files.absolute(data.home) != files.absolute(folder):
        for name in sorted(RECORDS - {MANIFEST_FILE}):
            if files.exists(uri := files.join(data.home, name)):
                sources[name] = SourceFile(name, uri)
        sources.pop(MANIFEST_FILE, None)
    if MANIFEST_FILE not in sources:
        sources[MANIFEST_FILE] = SourceFile(MANIFEST_FILE, "", content=data.pack(folder))
    for uri, (named, digest) in known.items():
        if is_outside(below := files.relative(uri, folder)) and not files.is_unpacked(uri):
            path = uri if named == uri else below  # as the data set names it: the restored one will, too
            sources[path] = SourceFile(path, uri, digest)
    return [sources[path] for path in sorted(sources)]


def list_files(folder: str) -> list[files.FileEntry]:
    """The files of a folder, on disk or in a store, that belong to a data set there."""
    entries = [entry for entry in files.walk(folder) if entry.size >= 0]
    names: dict[str, set[str]] = {}  # of a folder below -> those of its files
    for entry in entries:
        above, _, name = entry.path.rpartition("/")
        if above:
            names.setdefault(above, set()).add(name)
    passed = {above for above, own in names.items() if own & _RESULTS or own >= _REGISTERED}
    return [entry for entry in entries if _belongs(entry.path) and not _is_inside(entry.path, passed)]


def _belongs(path: str) -> bool:
    if is_own_file(path):
        return path in RECORDS or path.startswith(f"{ADDED_FOLDER}/")
    return not files.is_hidden(path)


def _is_inside(path: str, folders: set[str]) -> bool:
    parts = path.split("/")[:-1]
    return any("/".join(parts[:end]) in folders for end in range(1, len(parts) + 1))


def is_outside(path: str) -> bool:
    """Whether a path is none below its folder: absolute, an address, or one that leads out of it."""
    return files.join("", path) == path or ".." in path.split("/")


def _known_files(data: Dataset) -> dict[str, tuple[str, str]]:
    """Address of each image and mask -> its path as the data set names it, and its hash if it was read whole."""
    known = {
        data.path(row): pair for row, pair in enumerate(data.images.select("image", "sha256").iter_rows())
    }
    if "mask_sha256" not in data.images.columns:
        return known
    for target, digest in data.images.select("target", "mask_sha256").iter_rows():
        if target is None:
            continue
        whole = digest if digest and not is_drawn(target) else ""  # else the hash is that of an annotation
        known |= {files.join(data.root, path): (path, whole) for path in mask_paths(target)}
    return known


def mask_paths(target: str) -> list[str]:
    """The files of a mask, below the root of the data."""
    several = read_mask_files(target)
    return annotation_files(target) if several is None else sorted({each.path for each in several})


def read_source(source: SourceFile) -> bytes:
    """The bytes of a file.

    Raises:
        PupilaError: it can't be read, or has changed since the data set was opened.
    """
    if source.content is not None:
        return source.content
    with name_unread_files(source.uri):
        content = files.read_bytes(source.uri)
    if source.sha256 and files.sha256(content) != source.sha256:
        raise PupilaError(
            say("{path} has changed while it was stored", path=source.uri),
            expected=say("a data set that nobody changes meanwhile"),
            remedy=say("run the command again: what is stored already is not stored twice"),
        )  # fmt: skip
    return content


def contents_file(folder: str, version: str) -> str:
    """The file with the list of a version's contents."""
    return files.join(folder, f"{version}{CONTENTS_SUFFIX}")


def write_contents(folder: str, contents: Contents) -> None:
    """Write the list, one file a line; names that are no UTF-8 keep their bytes as escapes."""
    head = {"schema": CONTENTS_SCHEMA, "checksum": checksums.BLANK, "version": contents.version,
            "store": contents.store}  # fmt: skip
    lines = ",\n".join(f"  {json.dumps(list(each))}" for each in contents.files)
    text = f'{json.dumps(head, indent=1)[:-2]},\n "files": [\n{lines}\n ]\n}}\n'
    files.write_bytes(contents_file(folder, contents.version), checksums.seal(text.encode()))


def read_contents(folder: str, version: str) -> Contents | None:
    """The list of a version's contents; None where only hashes were recorded.

    Raises:
        PupilaError: it is damaged.
    """
    uri = contents_file(folder, version)
    if not files.exists(uri):
        return None
    remedy = say("delete the file, and restore a copy of it from the folder versions of the store")
    content = files.check_seal(uri, files.read_bytes(uri), remedy)
    try:
        fields = json.loads(content)
        listed = [ContentFile(str(path), str(digest), int(size)) for path, digest, size in fields["files"]]
        if (fields["schema"], fields["version"]) != (CONTENTS_SCHEMA, version):
            raise ValueError(f"schema {fields['schema']}, version {fields['version']}")
        return Contents(version, str(fields["store"]), listed)
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise PupilaError(
            say("Can't read the contents of a version, {path}", path=uri), actual=str(fault)[:200],
            expected=say("a list written by pupila data snapshot, schema {n}", n=CONTENTS_SCHEMA), remedy=remedy,
        ) from fault  # fmt: skip


def unique_contents(listed: list[ContentFile]) -> Iterator[ContentFile]:
    """The files with contents of their own, the first of each."""
    yield from {each.sha256: each for each in reversed(listed)}.values()
