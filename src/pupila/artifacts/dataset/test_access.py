"""`test_access.jsonl`: every evaluation on the sealed test split, so that reports can warn of repeated use."""

import contextlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pupila.core import files, locks
from pupila.core.errors import PupilaError, name_unread_files
from pupila.core.messages import say
from pupila.core.vocabulary import SPLITS_FILE, TEST_ACCESS_FILE

OLD_FILE = "openings.jsonl"  # of earlier versions, with the same lines


@dataclass(frozen=True, slots=True)
class TestAccess:
    """One evaluation of one model on the test split."""

    time: str  # ISO 8601, UTC
    model: str  # hash of the bundle, or of the table of predictions
    command: str


def read_test_accesses(home: str) -> list[TestAccess]:
    """The accesses so far, oldest first; a damaged line counts as an access by an unknown model.

    Raises:
        PupilaError: a record under its earlier name, which must not be forgotten.
    """
    if files.exists(files.join(home, OLD_FILE)):
        raise PupilaError(
            say("The record of test accesses has its earlier name"), actual=files.join(home, OLD_FILE),
            expected=TEST_ACCESS_FILE,
            remedy=f"cat {files.join(home, OLD_FILE)} >> {files.join(home, TEST_ACCESS_FILE)}; "
            f"rm {files.join(home, OLD_FILE)}",
        )  # fmt: skip
    uri = files.join(home, TEST_ACCESS_FILE)
    if not files.exists(uri):
        return []
    accesses = []
    with name_unread_files(uri):
        lines = files.read_bytes(uri).decode(errors="replace").splitlines()
    for line in lines:
        try:
            entry = json.loads(line)
            accesses.append(TestAccess(str(entry["time"]), str(entry["model"]), str(entry["command"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            accesses.append(TestAccess("", "", line[:80]))
    return accesses


def record_test_access(home: str, models: list[str], command: str) -> None:
    """Append one test access for each model."""
    now = datetime.now(UTC).isoformat()
    lines = [json.dumps(asdict(TestAccess(now, model, command)), ensure_ascii=False) for model in models]
    files.append(files.join(home, TEST_ACCESS_FILE), ("\n".join(lines) + "\n").encode())


def archive_split(home: str, split: str) -> None:
    """Copy the current split and its test accesses to files named after its hash, before another split is written."""
    archive_file(home, SPLITS_FILE, split)
    uri = files.join(home, TEST_ACCESS_FILE)
    if not files.exists(uri):
        return
    with (
        contextlib.nullcontext() if files.is_remote(uri) else locks.hold(uri)
    ):  # else an access goes lost between
        archive_file(home, TEST_ACCESS_FILE, split)
        files.remove(uri)


def archive_damaged_split(home: str) -> None:
    """Copy a split file that can't be read, byte by byte, to a file named after its content.

    Its test accesses stay where they are: the next split may well have the same test images.

    Raises:
        PupilaError: not even its bytes can be read.
    """
    uri = files.join(home, SPLITS_FILE)
    with name_unread_files(uri):
        content = files.read_bytes(uri)
    files.write_bytes(files.join(home, f"splits-damaged-{files.sha256(content)[:12]}.json"), content)


def archive_file(home: str, name: str, split: str) -> None:
    """Copy one of these files, where it is there, to the file named after the split's hash."""
    uri = files.join(home, name)
    if files.exists(uri):
        files.write_bytes(_archive_uri(home, name, split), files.read_bytes(uri))


def restore_test_accesses(home: str, split: str) -> None:
    """Bring back the archived accesses of a split that is in use again: its test images were evaluated before.

    Those that are there already stay: a process may have been killed between the split and its accesses.
    """
    archived, current = _archive_uri(home, TEST_ACCESS_FILE, split), files.join(home, TEST_ACCESS_FILE)
    if not files.exists(archived):
        return
    known = set(files.read_bytes(current).splitlines()) if files.exists(current) else set[bytes]()
    lost = [line for line in files.read_bytes(archived).splitlines() if line not in known]
    if lost:
        files.append(current, b"".join(line + b"\n" for line in lost))


def _archive_uri(home: str, name: str, split: str) -> str:
    stem, _, suffix = name.partition(".")
    return files.join(home, f"{stem}-{split[:12]}.{suffix}")
