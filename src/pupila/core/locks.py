"""Exclusive locks between processes of one machine, freed by the system when a process ends, however it ends."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

# File systems without locks: some network drives and mounts of user space.
_UNSUPPORTED = {errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}

if sys.platform == "win32":
    import msvcrt

    _PLACE = 2**31 - 2  # of the locked byte: Windows lets nobody read a locked one

    def _acquire(handle: int, wait: bool) -> None:
        while True:
            os.lseek(handle, _PLACE, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError as fault:
                if not wait:
                    raise BlockingIOError(fault.errno, fault.strerror) from fault
                if fault.errno != errno.EDEADLK:  # ten seconds are over
                    raise
            else:
                return

    def _release(handle: int) -> None:
        os.lseek(handle, _PLACE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(handle: int, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


def is_running(pid: int) -> bool:
    """Whether a process of this machine runs; on Windows, which has no signals to ask with, always."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except PermissionError:  # of another user
        return True
    except (OSError, OverflowError):  # none, or a number that no process has
        return False
    return True


def acquire(handle: int, wait: bool = True) -> bool:
    """Lock an open file; freed by `release`, and when it is closed. False where the file system has no locks.

    Raises:
        BlockingIOError: another process, or another handle of this one, has it, and `wait` is not set.
    """
    try:
        _acquire(handle, wait)
    except BlockingIOError:
        raise
    except OSError as fault:
        if fault.errno in _UNSUPPORTED:
            return False
        raise
    return True


def release(handle: int) -> None:
    """Free the lock also where a child process has inherited the file."""
    with contextlib.suppress(OSError):
        _release(handle)


def is_linked(handle: int, path: str) -> bool:
    """Whether the open file still lies under this name, and was not replaced or deleted."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def hold(path: str, wait: bool = True) -> Iterator[int]:
    """The file at the path, made where there is none, open for reading and for writing at its end, and locked.

    Whoever replaces or deletes the file has to hold it, too: one who waits for it then opens the new one.

    Raises:
        BlockingIOError: another one holds it, and `wait` is not set.
        OSError: it can't be opened.
    """
    while True:
        binary = getattr(os, "O_BINARY", 0)  # of Windows
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o666)
        try:
            acquire(handle, wait)
            if is_linked(handle, path):
                yield handle
                return
        finally:
            release(handle)
            os.close(handle)
