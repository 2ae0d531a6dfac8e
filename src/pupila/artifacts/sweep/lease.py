"""`lease.json` of a cell: the process that trains it; a killed one frees the cell at once, a lost machine after a time.

Processes of one machine exclude each other by a lock, which the system frees when a process ends, however it ends.
Other machines, whose locks may not be seen on a shared drive, count by their heartbeat.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, NonNegativeInt, ValidationError

from pupila.artifacts.run.log import LOG_FILE
from pupila.core import files, locks
from pupila.core.records import Record

LEASE_FILE, GUARD_FILE = "lease.json", ".lease.lock"
HEARTBEAT_SECONDS = 10.0  # between two heartbeats
STALE_AFTER = 90.0  # seconds without a heartbeat, after which another machine takes the cell over


class Lease(Record):
    """Who trains a cell."""

    host: str = Field(description="name of the machine")
    pid: int = Field(description="process on it")
    start: str = Field(description="since when, ISO 8601, UTC")
    heartbeat: str = Field(description="last sign of life, ISO 8601, UTC")
    session: str = Field(default="", description="start of the sweep that the process belongs to")
    epochs: NonNegativeInt = Field(default=0, description="epochs that the cell had when the lease began")
    kills: NonNegativeInt = Field(
        default=0, description="processes of this session that were killed before without completing an epoch"
    )

    @property
    def is_live(self) -> bool:
        """Whether its process still seems to run: on this machine by its number, elsewhere by its heartbeat."""
        if self.host == socket.gethostname():
            return locks.is_running(self.pid)
        return not self.is_stale(datetime.now(UTC))

    def is_stale(self, now: datetime) -> bool:
        """Whether the last heartbeat is too long ago."""
        return (now - datetime.fromisoformat(self.heartbeat)).total_seconds() > STALE_AFTER


def read_lease(uri: str) -> Lease | None:
    """The lease in the file; None where there is none, or one that can't be read."""
    try:
        return Lease.model_validate_json(files.read_bytes(uri))
    except (OSError, ValidationError):
        return None


class HeldLease:
    """A lease of this process: a thread renews its heartbeat.

    Args:
        path: of the file.
        lease: as it was written.
    """

    def __init__(self, path: str, lease: Lease) -> None:
        self.path, self.lease = path, lease
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @property
    def is_ours(self) -> bool:
        """Whether no other machine has taken the cell over."""
        stored = read_lease(self.path)
        return stored is not None and (stored.host, stored.pid, stored.start) == (
            self.lease.host,
            self.lease.pid,
            self.lease.start,
        )

    def begin(self) -> None:
        """Start the heartbeat."""
        self._thread.start()

    def end(self) -> None:
        """Stop the heartbeat, and delete the file unless another machine has taken the cell over."""
        self._ended.set()
        self._thread.join()
        if self.is_ours:
            files.remove(self.path)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            if not self.is_ours:
                return
            with contextlib.suppress(Exception):  # a full disk ends no training; the next beat may succeed
                _write(self.path, self.lease.model_copy(update={"heartbeat": _now()}))


@contextlib.contextmanager
def hold_cell(folder: str, session: str) -> Iterator[HeldLease | None]:
    """Within it this process trains the cell; None where another one does.

    Args:
        folder: of the cell, made where there is none.
        session: start of the sweep that this process belongs to.

    Raises:
        PupilaError: the folder can't be written to.
    """
    path = f"{folder}/{LEASE_FILE}"
    with contextlib.ExitStack() as stack:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(locks.hold(f"{folder}/{GUARD_FILE}", wait=False))
        except BlockingIOError:
            yield None
            return
        except OSError as fault:
            raise files.write_error(folder, fault) from fault
        has_locks = locks.acquire(handle, wait=False)  # it is ours already: this asks whether there are any
        before = read_lease(path)
        if before is not None and not _is_free(before, has_locks):
            yield None
            return
        held = HeldLease(path, _make_lease(before, folder, session))
        _write(path, held.lease)
        if not held.is_ours:  # another machine was faster, on a drive without locks
            yield None
            return
        held.begin()
        stack.callback(held.end)
        yield held


def _is_free(lease: Lease, has_locks: bool) -> bool:
    """Whether the holder of a lease is gone."""
    if lease.host == socket.gethostname() and (has_locks or not locks.is_running(lease.pid)):
        return True
    return lease.is_stale(datetime.now(UTC))


def _make_lease(before: Lease | None, folder: str, session: str) -> Lease:
    """The lease of this process, which counts the processes that were killed while they held it."""
    epochs = _count_epochs(folder)
    same = before is not None and before.session == session
    kills = before.kills + 1 if before is not None and same and epochs <= before.epochs else 0
    now = _now()
    return Lease(
        host=socket.gethostname(), pid=os.getpid(), start=now, heartbeat=now, session=session, epochs=epochs,
        kills=kills,
    )  # fmt: skip


def _count_epochs(folder: str) -> int:
    try:
        return files.read_bytes(f"{folder}/{LOG_FILE}").count(b"\n")
    except OSError:
        return 0


def _write(path: str, lease: Lease) -> None:
    files.write_bytes(path, lease.model_dump_json(indent=1).encode() + b"\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
