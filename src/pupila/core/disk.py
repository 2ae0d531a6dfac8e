"""Walks and listings of this machine's disk: while a data set is opened, each folder is cached at once."""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class FileEntry(NamedTuple):
    """One file as a walk saw it."""

    path: str  # relative to the walked root, with forward slashes
    size: int  # bytes; -1 for a link that leads nowhere
    modified: int  # nanoseconds since 1970; 0 where the store keeps no time


@dataclass(slots=True)
class _Visited:
    """What was visited, by the path of a folder without its last slash."""

    walks: dict[str, dict[str, FileEntry]] = field(default_factory=dict)  # of whole walks
    children: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)  # folders, files


_VISITED: ContextVar[_Visited | None] = ContextVar("visited", default=None)


@contextlib.contextmanager
def look_once() -> Iterator[None]:
    """Within it one look at a folder serves every later one; nothing may be written there meanwhile."""
    token = _VISITED.set(_Visited())
    try:
        yield
    finally:
        _VISITED.reset(token)


def walk(root: str) -> Iterator[FileEntry]:
    """All files below the root, sorted by path; links are followed once, broken ones have size -1."""
    cached, key = _VISITED.get(), root.rstrip("/")
    if cached is None:
        yield from _walk(root)
        return
    if key in cached.walks:
        yield from cached.walks[key].values()
        return
    entries = {}
    for entry in _walk(root):
        entries[entry.path] = entry
        yield entry
    cached.walks[key] = entries


def _walk(root: str) -> Iterator[FileEntry]:
    visited: set[str] = set()
    for folder, names, leaves in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link back to a folder above
            names.clear()
            continue
        visited.add(real)
        names.sort()
        below = "" if folder == root else Path(os.path.relpath(folder, root)).as_posix() + "/"
        for leaf in sorted(leaves):
            yield _stat(f"{folder}/{leaf}", f"{below}{leaf}")


def _stat(full: str, path: str) -> FileEntry:
    """The entry of one file; size -1 where nothing can be read there."""
    try:
        status = os.stat(full)  # noqa: PTH116
    except (OSError, ValueError):  # a path with a null byte, or half of a surrogate pair
        return FileEntry(path, -1, 0)
    return FileEntry(path, status.st_size, status.st_mtime_ns)


def find(root: str, path: str) -> FileEntry | None:
    """The entry of the file at `path` below the root, or anywhere where it is absolute; None where there is none."""
    cached = _VISITED.get()
    if cached and (entries := cached.walks.get(root.rstrip("/"))) and path in entries:
        return entries[path]
    full = path if os.path.isabs(path) else f"{root.rstrip('/')}/{path}"  # noqa: PTH117
    entry = _stat(full, path)
    return entry if entry.size >= 0 or os.path.lexists(full) else None


def list_children(root: str) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files directly below the root; a broken link is neither."""
    cached, key = _VISITED.get(), root.rstrip("/")
    if cached and key in cached.children:
        return cached.children[key]
    folders, leaves = [], []
    with os.scandir(root) as children:
        for child in children:
            with contextlib.suppress(OSError):  # a link to itself
                if child.is_dir():
                    folders.append(child.name)
                elif child.is_file():
                    leaves.append(child.name)
    if cached:
        cached.children[key] = folders, leaves
    return folders, leaves
