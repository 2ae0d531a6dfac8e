"""The lock of a run's folder: two trainings never write into one, and a killed one leaves it free."""

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pupila.artifacts.run.folder import BUNDLE, CHECKPOINTS, EXAMPLES
from pupila.core import files, folders, locks
from pupila.core.errors import PupilaError
from pupila.core.messages import say

LOCK_FILE = ".lock"  # names its holder
_HOLDER = re.compile(r"process (\d+) on (.*), since .*")


@contextlib.contextmanager
def hold_run(folder: str) -> Iterator[None]:
    """Within it no other process trains in the folder, on disk; what killed ones left there is deleted.

    Raises:
        PupilaError: another process trains there, or the folder can't be written to.
    """
    path = f"{folder}/{LOCK_FILE}"
    with contextlib.ExitStack() as stack:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(locks.hold(path, wait=False))
        except BlockingIOError as fault:
            raise PupilaError(
                say("Another process trains in {path}", path=folder), actual=_read_holder(path),
                expected=say("one training in a folder"),
                remedy=say("wait for it, or --out FOLDER to train in another one"),
            ) from fault  # fmt: skip
        except OSError as fault:
            raise files.write_error(folder, fault, say("a writable folder"), "--out FOLDER") from fault
        stack.callback(_leave, Path(folder))
        os.ftruncate(handle, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode())
        _clean(Path(folder))
        yield


def is_training(folder: str) -> bool:
    """Whether a process trains in the folder, by the lock file, which is only read: a training is never disturbed.

    A process of another machine counts as alive as long as its lock file is there.
    """
    uri = files.join(folder, LOCK_FILE)
    if not files.exists(uri):
        return False
    try:
        holder = _HOLDER.fullmatch(files.read_bytes(uri).decode(errors="replace").strip())
    except PermissionError:  # of another user
        return True
    except OSError:
        return False
    return holder is not None and (holder[2] != socket.gethostname() or locks.is_running(int(holder[1])))


def _read_holder(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return path


def _leave(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / LOCK_FILE).unlink()
        folder.rmdir()  # where nothing was written, as for settings that are refused


def _clean(folder: Path) -> None:
    """Delete temporary files, and bundles that were never completed."""
    for below in (folder, folder / CHECKPOINTS, folder / EXAMPLES):
        files.remove_partial(below)
    folders.restore_folder(folder / BUNDLE)
    for unfinished in folder.glob(f".{BUNDLE}.*"):
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
