"""The versions beside a data set: a file of hashes for each, and a log of when they were taken and by what.

`.versions/<version>.parquet` holds the rows, `.versions/<version>.contents.json` the files whose contents a store has,
and `.versions/log.jsonl` grows by a line for each snapshot, note, run and store. Any number of processes may write:
a version's file is named by its content, and the log is only appended to.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl
from pydantic import ValidationError

from pupila.artifacts.dataset.columns import UNREADABLE, first_line
from pupila.artifacts.dataset.versions.identity import SHORT
from pupila.artifacts.dataset.versions.version import ROWS, VERSION_SCHEMA, Version, VersionInfo
from pupila.core import files
from pupila.core.errors import PupilaError, name_unread_files
from pupila.core.json_text import dump_json
from pupila.core.messages import listing, say
from pupila.core.records import Record
from pupila.core.vocabulary import VERSIONS_FOLDER

LOG_FILE = "log.jsonl"
FILE_SUFFIX = ".parquet"
_INFO = "pupila.version"  # key of the file's metadata
_FEWEST = 4  # digits that name a version


class LogLine(Record):
    """One line of the log: the present version, or a note, run or store that became known of it."""

    time: str  # ISO 8601, UTC
    version: str
    by: str = ""  # "train", "label" or who took it
    note: str = ""
    run: str = ""  # folder of a run that trains on it
    store: str = ""  # where its contents are


@dataclass
class LogEntry:
    """The lines of the log about one version, from when it became the present one until another did."""

    time: str  # of the first line
    version: str
    by: str
    notes: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    store: str = ""


def versions_folder(home: str) -> str:
    """The folder of the versions beside a data set."""
    return files.join(home, VERSIONS_FOLDER)


def version_file(folder: str, version: str) -> str:
    """The file with the rows of a version."""
    return files.join(folder, f"{version}{FILE_SUFFIX}")


def write_version(folder: str, version: Version) -> None:
    """Write a version's file, unless a whole one is there."""
    uri = version_file(folder, version.name)
    if files.exists(uri):
        try:
            read_version(folder, version.name)
        except PupilaError:
            pass  # it is damaged
        else:
            return
    metadata = {"pupila.schema": str(VERSION_SCHEMA), _INFO: version.info.model_dump_json(by_alias=True)}
    files.write_parquet(uri, version.rows, metadata)


def read_version(folder: str, name: str) -> Version:
    """A version from its file.

    Args:
        folder: of the versions.
        name: of the version, whole.

    Raises:
        PupilaError: there is no such file, or it is damaged.
    """
    uri = version_file(folder, name)
    remedy = say("restore a copy of the file; the other versions are not affected")
    with name_unread_files(uri):
        content = files.check_seal(uri, files.read_bytes(uri), remedy)
    try:
        info = VersionInfo.model_validate_json(pl.read_parquet_metadata(io.BytesIO(content))[_INFO])
        rows = pl.read_parquet(io.BytesIO(content)).select(list(ROWS))
    except (*UNREADABLE, ValidationError) as fault:
        raise PupilaError(
            say("Can't read the version {path}", path=uri), actual=first_line(fault),
            expected=say("a version written by Pupila, schema {n}", n=VERSION_SCHEMA), remedy=remedy,
        ) from fault  # fmt: skip
    if info.version != name:
        raise PupilaError(
            say("Can't read the version {path}", path=uri), actual=say("version {name}", name=info.version[:SHORT]),
            expected=say("version {name}", name=name[:SHORT]), remedy=remedy,
        )  # fmt: skip
    return Version(info, rows)


def list_versions(folder: str) -> list[str]:
    """The names of all versions with a file, sorted; also of damaged ones."""
    names = files.list_files(folder) if files.is_folder(folder) else []
    return sorted(name.removesuffix(FILE_SUFFIX) for name in names
                  if name.endswith(FILE_SUFFIX) and not files.is_hidden(name))  # fmt: skip


def read_log(folder: str) -> tuple[list[LogEntry], list[str]]:
    """The log, oldest first, and a sentence for each line that can't be read."""
    entries: list[LogEntry] = []
    faults: list[str] = []
    for number, line in enumerate(_read_lines(folder), start=1):
        if isinstance(line, str):
            faults.append(say("Line {n} of {path} can't be read and is skipped: {text}", n=number, text=line[:60],
                              path=files.join(folder, LOG_FILE)))  # fmt: skip
            continue
        if not entries or entries[-1].version != line.version:
            entries.append(LogEntry(line.time, line.version, line.by))
        entry = entries[-1]
        entry.notes += [line.note] if line.note and line.note not in entry.notes else []
        entry.runs += [line.run] if line.run and line.run not in entry.runs else []
        entry.store = line.store or entry.store
    return entries, faults


def _read_lines(folder: str) -> Iterator[LogLine | str]:
    """The lines of the log; the text of those that are damaged."""
    uri = files.join(folder, LOG_FILE)
    if not files.exists(uri):
        return
    with name_unread_files(uri):
        lines = files.read_bytes(uri).decode(errors="replace").splitlines()
    for text in lines:
        try:
            yield LogLine.model_validate(json.loads(text))
        except (ValueError, RecursionError):
            yield text


def append_log(folder: str, line: LogLine) -> bool:
    """Add a line, unless it says nothing new: the same version as the last, without another note, run or store."""
    entries, _ = read_log(folder)
    if entries and (last := entries[-1]).version == line.version:
        fresh = (line.note and line.note not in last.notes, line.run and line.run not in last.runs,
                 line.store and line.store != last.store)  # fmt: skip
        if not any(fresh):
            return False
    text = dump_json(line.model_dump(exclude_defaults=True))
    files.append(files.join(folder, LOG_FILE), f"{text}\n".encode())
    return True


def now_text() -> str:
    """The time for a line of the log."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def last_store(folder: str) -> str:
    """The store of the latest snapshot that stored contents; empty where none did."""
    return next((entry.store for entry in reversed(read_log(folder)[0]) if entry.store), "")


def find_version(folder: str, text: str) -> str:
    """The version that a user names: by its hash, by the first digits of it, or by a note.

    Raises:
        PupilaError: none, or several.
    """
    entries, _ = read_log(folder)
    known = list(dict.fromkeys([*(entry.version for entry in entries), *list_versions(folder)]))
    digits = text.lower()
    by_hash = [name for name in known if len(digits) >= _FEWEST and name.startswith(digits)]
    by_note = list(dict.fromkeys(entry.version for entry in entries if text in entry.notes))
    matches = by_hash or by_note
    if len(matches) == 1:
        return matches[0]
    shown = matches or known[-5:]
    if not known:
        actual = say("no version yet")
    elif matches:
        actual = say("several: {names}", names=listing([name[:SHORT] for name in shown]))
    else:
        actual = say("the last versions are {names}", names=listing([name[:SHORT] for name in shown]))
    raise PupilaError(
        say("No such version: {name}", name=text) if not matches else say("More than one version is named {name}",
                                                                          name=text),
        actual=actual,
        expected=say("now, the first digits of a version, its note, or a run or bundle that was trained on it"),
        remedy="pupila data log DATA",
    )  # fmt: skip
