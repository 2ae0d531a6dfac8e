"""The folder of a data set's own files: that of the data, or one in the cache folder where the data are read-only."""

import fnmatch
import sys
from functools import cache
from pathlib import PurePath

from pupila.artifacts.dataset.labels import is_foreign_table, merge_history, read_history
from pupila.artifacts.dataset.test_access import OLD_FILE, archive_damaged_split, archive_file
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import (
    AUDIT_FILE,
    LABELS_FILE,
    PATCH_FILE,
    QUEUE_FILE,
    SPLITS_FILE,
    SUSPECTS_FILE,
    TEST_ACCESS_FILE,
)

# What later commands read again. The manifest is left out because its paths are relative to its folder.
_RECORDS = (SPLITS_FILE, "splits-*.json", TEST_ACCESS_FILE, "test_access-*.jsonl", OLD_FILE, LABELS_FILE, AUDIT_FILE,
            SUSPECTS_FILE, PATCH_FILE, QUEUE_FILE)  # fmt: skip
_COPIED_FILE = "copied.json"  # name to SHA-256 of each file as it lay beside the data when it was copied


def find_home(folder: str) -> str:
    """The folder for manifest, labels, splits and the like of data that lie in `folder`.

    It is `folder` itself where that can be written to. Otherwise it is a folder of the cache, which keeps its role
    once it holds files: they are never forgotten because the data became writable. Records that lie beside read-only
    data are copied there, and again when they change.

    Args:
        folder: folder or URI.
    """
    own = files.cache_folder() / "read-only" / _folder_name(folder)
    if not own.exists() and files.is_writable(folder):
        return folder
    home = own.absolute().as_posix()
    _copy_records(folder, home)
    _announce(folder, home)
    return home


def _folder_name(folder: str) -> str:
    """A name that is unique on this machine, and tells a person which data it is."""
    place = files.absolute(folder)
    name = PurePath(place).name or "data"
    place_hash = files.sha256(place.encode(errors="surrogateescape"))
    return f"{name}-{place_hash[:12]}"


@cache
def _announce(folder: str, home: str) -> None:
    """Says once where the files are."""
    sentence = say(
        "{folder} is read-only: Pupila writes manifest, labels, splits and reports to {home}.",
        folder=folder, home=home,
    )  # fmt: skip
    print(sentence, file=sys.stderr, flush=True)


def _copy_records(folder: str, home: str) -> None:
    """Copy the records beside the data that are new or have changed since they were copied."""
    names = files.list_files(folder) if files.is_folder(folder) else []
    records = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in _RECORDS)
               and not (name == LABELS_FILE and is_foreign_table(files.join(folder, name)))]  # fmt: skip
    if not records:
        return
    uri = files.join(home, _COPIED_FILE)
    copied: dict[str, str] = files.read_json(uri) if files.exists(uri) else {}
    before = dict(copied)
    for name in records:
        content = files.read_bytes(files.join(folder, name))
        digest = files.sha256(content)
        if copied.get(name) != digest:
            _copy(folder, home, name, content)
            copied[name] = digest
    if copied != before:
        files.write_json(uri, copied)


def _archive_split(home: str, target: str) -> None:
    """Archive the split of the cache folder under its hash; a damaged one, too, is kept."""
    try:
        archive_file(home, SPLITS_FILE, str(files.read_json(target)["hash"]))
    except (PupilaError, KeyError, TypeError):
        archive_damaged_split(home)


def _copy(folder: str, home: str, name: str, content: bytes) -> None:
    """Copy one record; labels and test accesses that were added in the cache folder stay, and a split is archived."""
    target = files.join(home, name)
    if name == SPLITS_FILE and files.exists(target):
        _archive_split(home, target)
    if name == LABELS_FILE and files.exists(target):
        merge_history(home, read_history(folder))
        return
    if name.endswith(".jsonl") and files.exists(target):
        known = set(files.read_bytes(target).splitlines())
        lines = dict.fromkeys(line for line in content.splitlines() if line not in known)
        files.append(target, b"".join(line + b"\n" for line in lines))
        return
    files.write_bytes(target, content)
