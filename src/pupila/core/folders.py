"""Folders on this machine's disk that are replaced as a whole: the old one or the new one, whenever the power fails."""

import contextlib
import ctypes
import errno
import glob
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from pupila.core import locks, writing
from pupila.core.errors import PupilaError
from pupila.core.messages import say

_TEMPORARY = re.compile(r"[0-9a-f]{8}")
_EXCHANGE, _WORKING_FOLDER = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux


def replace_folder(path: str | Path, contents: dict[str, bytes]) -> None:
    """Write the files to a temporary folder, then move it into place; what a killed process left is removed first.

    Linux exchanges the old folder and the new one in one step. Where that is not possible the old one is moved aside
    first, and `restore_folder` brings it back if the process dies before the next step. A link stays: the folder that
    it leads to is replaced.

    Args:
        path: of the folder.
        contents: name of each file, with `/`, to its bytes.

    Raises:
        PupilaError: the folder can't be written to.
    """
    target = _resolve(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _hold(target):  # so whatever was begun here, and is not complete, has no writer any more
            _restore(target)
            shutil.rmtree(_old_path(target), ignore_errors=True)
            for folder in target.parent.glob(f".{glob.escape(target.name)}.????????"):
                if _TEMPORARY.fullmatch(folder.name[-8:]):
                    shutil.rmtree(folder, ignore_errors=True)
            _write(target, contents)
    except OSError as fault:
        raise writing.write_error(target, fault, say("a writable folder"), "--out FOLDER") from fault


def restore_folder(path: str | Path) -> None:
    """Bring back the folder that a killed `replace_folder` had moved aside, where there is no other in its place.

    Raises:
        PupilaError: it can't be moved.
    """
    target = _resolve(path)
    if not _has_old_only(target):
        return
    try:
        with _hold(target):  # else it may be a writer who is about to put the new one there
            _restore(target)
    except OSError as fault:
        raise PupilaError(
            say("{path} was about to be replaced, and lies beside it", path=target),
            actual=f"{_old_path(target)}: {fault.strerror or fault}", expected=say("a writable folder"),
            remedy=f"mv {_old_path(target)} {target}",
        ) from fault  # fmt: skip


def _restore(target: Path) -> None:
    if _move_back(target):
        sentence = say("{path} is back: the process that was replacing it was killed.", path=target)
        print(sentence, file=sys.stderr, flush=True)


def _move_back(target: Path) -> bool:
    if not _has_old_only(target):
        return False
    os.replace(_old_path(target), target)  # noqa: PTH105 -- the folder moves whole
    return True


def _has_old_only(target: Path) -> bool:
    """Whether the old folder was moved away, and none is in its place."""
    return not target.exists() and _old_path(target).is_dir()


def _resolve(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _old_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


@contextlib.contextmanager
def _hold(target: Path) -> Iterator[None]:
    lock = target.with_name(f".{target.name}.lock")
    with locks.hold(str(lock)):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows lets nobody delete an open file: the next one does
                lock.unlink()


def _write(target: Path, contents: dict[str, bytes]) -> None:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        for name, data in contents.items():
            writing.write(str(temporary / name), data)
        if not target.exists():
            os.replace(temporary, target)  # noqa: PTH105
        elif not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
        elif not _exchange(temporary, target):
            os.replace(target, _old_path(target))  # noqa: PTH105
            os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            _move_back(target)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # by now the old one, where they were exchanged
        if target.exists():
            shutil.rmtree(_old_path(target), ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system can't, and nothing has happened."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # an old C library
        return False
    return (
        int(rename(_WORKING_FOLDER, os.fsencode(first), _WORKING_FOLDER, os.fsencode(second), _EXCHANGE)) == 0
    )
