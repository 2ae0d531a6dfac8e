"""Walks, listings and reading of this machine's disk: while a data set is opened, each folder is cached at once."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pupila.core.errors import name_unread_files
from pupila.core.messages import say

# The size of what is no regular file: opening it could wait for ever, reading it could never end.
SPECIAL = -2
_PIPES = (
    "/dev/stdin",
    "/dev/fd/",
    "/proc/self/fd/",
)  # what a shell hands over, which a user names on purpose
_MOST_PIPED = 1_000_000_000  # bytes that are read from one
_BLOCK = 1_048_576  # bytes read at once
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # not on Windows


class FileEntry(NamedTuple):
    """One file as a walk saw it."""

    path: str  # relative to the walked root, with forward slashes
    size: int  # bytes; -1 for a link that leads nowhere, SPECIAL for what is never opened: see `describe_special`
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
    """All files below the root, sorted by path; links are followed once, broken ones have size -1.

    A folder that is also reached by a link is listed at its own place; of two links to one folder the first counts.

    Raises:
        PupilaError: the root can't be listed; another such folder is an entry of size SPECIAL.
    """
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
    for folder, leaves in sorted(_list_all(root), key=lambda listed: listed[0].split("/")):
        below = f"{folder}/" if folder else ""
        for leaf in leaves:
            yield _stat(f"{root}/{below}{leaf}", f"{below}{leaf}")


def _list_all(root: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder below the root once, relative to it, and the names of its files: real folders before links."""
    top = os.path.realpath(root)
    waiting, visited = [""], set[str]()
    while waiting:
        links = list[str]()
        for start in sorted(waiting):
            yield from _list_real(root, start, visited, links)
        waiting = []
        for link in links:
            real = os.path.realpath(f"{root}/{link}")
            if top.startswith(f"{real.rstrip(os.sep)}{os.sep}"):  # what lies around the root is no part of it
                yield link.rpartition("/")[0], [link.rpartition("/")[2]]
            elif real not in visited:
                waiting.append(link)


def _list_real(root: str, start: str, visited: set[str], links: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The folders at and below one of them without following links, which are added to the list."""
    base = f"{root}/{start}" if start else root
    faults = list[OSError]()
    for folder, names, leaves in os.walk(base, onerror=faults.append):
        real = os.path.realpath(folder)
        if real in visited:
            names.clear()
            continue
        visited.add(real)
        path = "" if folder == root else Path(os.path.relpath(folder, root)).as_posix()
        linked = [name for name in names if Path(folder, name).is_symlink()]
        links += [f"{path}/{name}" if path else name for name in sorted(linked)]
        yield path, sorted(leaves)
    for fault in faults:
        if isinstance(fault, FileNotFoundError | NotADirectoryError):
            continue
        if fault.filename == root:
            with name_unread_files(root):
                raise fault
        above, _, name = Path(os.path.relpath(fault.filename, root)).as_posix().rpartition("/")
        yield above, [name]  # of the folder that can't be listed


def _stat(full: str, path: str) -> FileEntry:
    """The entry of one file; size -1 where nothing can be read there."""
    try:
        status = os.stat(full)  # noqa: PTH116
    except (OSError, ValueError):  # a path with a null byte, or half of a surrogate pair
        return FileEntry(path, -1, 0)
    return FileEntry(path, status.st_size if stat.S_ISREG(status.st_mode) else SPECIAL, status.st_mtime_ns)


def exists(path: str) -> bool:
    """Whether a regular file or a folder lies there, or a pipe that a shell handed over."""
    place = Path(path)
    return place.is_file() or place.is_dir() or (path.startswith(_PIPES) and place.exists())


def read(path: str, count: int | None = None) -> bytes:
    """All bytes of a file, or its first ones, at most `count`.

    Raises:
        OSError: nothing can be read there; it is no regular file, or larger than this machine's memory.
    """
    with open_regular(path) as stream:
        if count is not None:
            return stream.read(count)
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            return _read_pipe(stream, path)
        if status.st_size > _memory():
            reason = say("{n} bytes, more than this machine's memory", n=status.st_size)
            raise OSError(errno.EFBIG, reason, path)
        return stream.read()


def open_regular(path: str) -> BinaryIO:
    """A file to read from; a pipe or a device is refused before it is waited for.

    Raises:
        OSError: nothing can be read there, or it is no regular file.
    """
    if path.startswith(_PIPES):
        return Path(path).open("rb")
    descriptor = os.open(path, os.O_RDONLY | _NONBLOCK | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, describe_special(), path)


def describe_special(path: str = "") -> str:
    """Why what has size SPECIAL is not read: a pipe, a socket, a device, or a link to a folder around the root.

    Args:
        path: of it; it may be a folder that can't be listed, too.
    """
    if path and Path(path).is_dir() and not os.access(path, os.R_OK | os.X_OK):
        return say("a folder without read permission")
    return say("not a regular file")


def _read_pipe(stream: BinaryIO, path: str) -> bytes:
    parts, size = list[bytes](), 0
    while part := stream.read(_BLOCK):
        parts.append(part)
        size += len(part)
        if size > _MOST_PIPED:
            raise OSError(errno.EFBIG, say("more than {n} bytes from a pipe", n=_MOST_PIPED), path)
    return b"".join(parts)


def _memory() -> int:
    """This machine's memory, bytes."""
    if not hasattr(os, "sysconf"):
        return 1 << 62
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def find(root: str, path: str) -> FileEntry | None:
    """The entry of the file at `path` below the root, or anywhere where it is absolute; None where there is none.

    A folder has an entry, of size SPECIAL, so that a row that names one differs from a row without a file.
    """
    cached = _VISITED.get()
    if cached and (entries := cached.walks.get(root.rstrip("/"))) and path in entries:
        return entries[path] if entries[path].size != SPECIAL else None
    full = path if os.path.isabs(path) else f"{root.rstrip('/')}/{path}"  # noqa: PTH117
    entry = _stat(full, path)
    if entry.size == SPECIAL and not os.path.isdir(full):  # noqa: PTH112
        return None
    return entry if entry.size != -1 or os.path.lexists(full) else None


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
