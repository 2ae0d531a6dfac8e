"""Writing on this machine's disk: files whole or not at all, lines at the end of a file, and what a kill leaves."""

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pupila.core import locks
from pupila.core.errors import PupilaError
from pupila.core.messages import say

# Temporary files: ".", the name of the file that they would become, eight digits. A kill leaves them behind.
_PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)
_LONGEST = 200  # bytes of the name that a temporary name takes over: 255 are the limit of most file systems
READER_TRIES = (
    100  # a tenth of a second apart: a reader of a pipe that is started beside Pupila has ten seconds
)
_BLOCK = 65_536  # bytes that are read at once in the search for the end of a line


def write_error(path: str | Path, fault: OSError, expected: str = "", remedy: str = "") -> PupilaError:
    """The error for a file or a folder that can't be written, with the reason of the operating system."""
    actual = fault.strerror or str(fault)
    return PupilaError(say("Can't write {path}", path=path), actual=actual, expected=expected, remedy=remedy)


def write(path: str, data: bytes) -> None:
    """Write the file whole or not at all, see `replace`.

    Raises:
        PupilaError: the folder can't be written to, or the disk is full.
    """
    created = False
    try:
        with replace(path) as part:
            created = True
            part.write_bytes(data)
    except OSError as fault:
        if not created:
            raise write_error(path, fault, say("a writable folder"), "--out FOLDER") from fault
        expected = say("{n} bytes of free space on a writable disk", n=len(data))
        raise write_error(path, fault, expected) from fault


@contextlib.contextmanager
def replace(path: str) -> Iterator[Path]:
    """A temporary file beside the path, for what is to lie there: renamed once complete, removed on failure.

    A new file gets the mode that the user's umask leaves. One that is replaced keeps its mode and, where the system
    allows it, its owner. A link stays: the file that it leads to is written. A device is written to as it is, and so is
    a pipe that somebody reads: to wait for a reader could take for ever.

    Raises:
        OSError: the file can't be written.
    """
    old = _status(path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _pipe_with_reader(path) if stat.S_ISFIFO(old.st_mode) else contextlib.nullcontext():
            yield Path(path)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    part, handle = _create(target)
    try:
        yield part
        os.fsync(handle)
        if old is not None:
            with contextlib.suppress(OSError, AttributeError):  # another user's file; Windows has no owners
                if (old.st_uid, old.st_gid) != (os.fstat(handle).st_uid, os.fstat(handle).st_gid):
                    os.chown(part, old.st_uid, old.st_gid)
            part.chmod(stat.S_IMODE(old.st_mode))
        if os.name == "nt":  # where no open file is renamed
            os.close(handle)
            handle = -1
        part.replace(target)
    finally:
        if handle >= 0:
            os.close(handle)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _pipe_with_reader(path: str) -> Iterator[None]:
    tries = READER_TRIES
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # fails without a reader
            break
        except OSError as fault:
            tries -= 1
            if fault.errno != errno.ENXIO or tries <= 0:
                raise
            time.sleep(0.1)
    try:
        yield
    finally:
        os.close(handle)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return None


def _create(target: Path) -> tuple[Path, int]:
    """A new temporary file for the target, open and locked: `remove_partial` leaves it alone while it is written."""
    name = target.name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    while True:
        part = target.with_name(f".{name}.{secrets.token_hex(4)}.part")
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        locks.acquire(handle)
        if locks.is_linked(handle, str(part)):  # not removed between these two lines
            return part, handle
        os.close(handle)


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that was never completed."""
    return _PARTIAL.fullmatch(name) is not None


def remove_partial(folder: Path) -> int:
    """Delete the temporary files directly in the folder that no process writes any more, and count them."""
    removed = 0
    with contextlib.suppress(OSError):
        names = [entry.name for entry in os.scandir(folder) if is_partial(entry.name) and entry.is_file()]
        for path in (folder / name for name in names):
            with contextlib.suppress(OSError), locks.hold(str(path), wait=False):
                path.unlink()
                removed += 1
    return removed


def update(path: str, change: Callable[[bytes], bytes]) -> None:
    """Replace the file by what `change` makes of its bytes; other processes wait in the file `.NAME.lock` beside it.

    Args:
        path: of the file; its bytes are empty where there is none yet.
        change: the bytes to the new ones; what it raises leaves the file as it is.

    Raises:
        PupilaError: the file can't be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locks.hold(str(target.with_name(f".{target.name}.lock"))):
            remove_partial(target.parent)
            old = target.read_bytes() if target.exists() else b""
            if (new := change(old)) != old:
                write(path, new)
    except OSError as fault:
        raise write_error(path, fault, say("a writable folder")) from fault


def append(path: str, lines: bytes) -> None:
    """Add whole lines to the end of a file, and have them on the disk before returning: all of them, or none.

    Several processes may do so at once. Half a line, as a crash leaves it, is removed; a whole one that lacks only its
    end, as an editor may leave it, gets one.

    Raises:
        PupilaError: the file can't be written, or the disk is full.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with locks.hold(path) as handle:
            _append(handle, lines)
    except OSError as fault:
        raise write_error(path, fault) from fault


def _append(handle: int, lines: bytes) -> None:
    size = os.lseek(handle, 0, os.SEEK_END)
    end = _end_of_lines(handle, size)
    if end < size and _is_record(os.pread(handle, size - end, end) if hasattr(os, "pread") else b""):
        lines, end = b"\n" + lines, size
    os.ftruncate(handle, end)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except BaseException:
        os.ftruncate(handle, end)
        raise


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _end_of_lines(handle: int, size: int) -> int:
    """Where the last whole line ends, bytes."""
    end = size
    while end:
        start = max(end - _BLOCK, 0)
        os.lseek(handle, start, os.SEEK_SET)
        if (newline := os.read(handle, end - start).rfind(b"\n")) >= 0:
            return start + newline + 1
        end = start
    return 0
