"""A log of JSON lines that never makes its writer wait: a thread writes whole lines, and files are rotated by size."""

import contextlib
import errno
import logging
import os
import re
import stat
import sys
import threading
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Literal

from pupila.core import locks
from pupila.core.disk import describe_special
from pupila.core.json_text import dump_json
from pupila.core.messages import say
from pupila.core.writing import write_error

_log = logging.getLogger("pupila.log")
_MOST_WAITING = 10_000  # records; above it they are dropped, and counted
_MOST_AT_ONCE = 1_000  # records of one write
_PATIENCE = 5.0  # seconds that the end waits
_PAUSE = 0.1  # seconds in which records are gathered
_OLD_FILES = 5  # beside the current one
STDOUT = "-"
# A pipe that nobody reads is refused, and not waited for.
_FLAGS, _MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0), 0o640
_DROPPED = re.compile(rb'\{"dropped": (\d{1,15})\}\n')
_END: Literal["end"] = "end"


def list_rotated(path: Path) -> list[Path]:
    """Where a log and its rotated files lie, the latest first, whether or not they are there."""
    return [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, _OLD_FILES + 1))]


def read_dropped(line: bytes) -> int:
    """The number of records that a line of the log says were dropped; 0: no such line."""
    match = _DROPPED.fullmatch(line)
    return int(match[1]) if match else 0


class JsonLines:
    """A log file.

    Args:
        path: of the file; `-` is the standard output.
        most_bytes: of one file: a full one becomes NAME.1, the former NAME.1 becomes NAME.2, and NAME.5 is deleted.

    Raises:
        PupilaError: the file can't be written.
    """

    def __init__(self, path: str, most_bytes: int) -> None:
        self.path, self.most_bytes = path, most_bytes
        self._waiting: Queue[Mapping[str, Any] | Literal["end"]] = Queue(_MOST_WAITING)
        self._dropped = 0  # records, since the last line that says so
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._failing = False
        try:
            self._handle = self._open()  # -1: none, as it could not be opened again
        except OSError as fault:
            raise write_error(path, fault) from fault
        self._thread = threading.Thread(target=self._write_all, daemon=True, name=f"log {path}")
        self._thread.start()

    def write(self, record: Mapping[str, Any]) -> None:
        """Have the record written soon; returns at once."""
        if not self._thread.is_alive():
            return
        try:
            self._waiting.put_nowait(record)
        except Full:
            self._drop(1)

    def close(self) -> None:
        """Write what waits, and end; what comes later is not written. Closing twice does nothing.

        A reader of the standard output that reads no more is waited for no longer than a few seconds.
        """
        if not self._thread.is_alive():
            return
        self._closing.set()
        with contextlib.suppress(Full):
            self._waiting.put(_END, timeout=_PATIENCE)
            self._thread.join(_PATIENCE)
        if not self._thread.is_alive() and self._handle >= 0 and self.path != STDOUT:
            os.close(self._handle)

    def _open(self) -> int:
        if self.path == STDOUT:
            sys.stdout.flush()
            return 1
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, _FLAGS, _MODE)
        if stat.S_ISFIFO(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, describe_special(), self.path)
        return handle

    def _write_all(self) -> None:
        """In a thread: write what comes, until the end."""
        ended = False
        while not ended:
            records = [self._waiting.get()]
            self._closing.wait(_PAUSE)  # so that a busy service does not wake this thread for each record
            try:
                while len(records) < _MOST_AT_ONCE:
                    records.append(self._waiting.get_nowait())
            except Empty:
                pass
            ended = _END in records
            self._write_records([record for record in records if record != _END])

    def _write_records(self, records: list[Mapping[str, Any]]) -> None:
        """Write them, and how many were dropped before; where that fails, they are dropped, too."""
        dropped = self._dropped
        lines = [*records, {"dropped": dropped}] if dropped else records
        text = "".join(dump_json(line) + "\n" for line in lines)
        written = self._try_to_write(text.encode(errors="backslashreplace"))
        self._drop(-dropped if written else len(records))

    def _drop(self, count: int) -> None:
        with self._counting:
            self._dropped += count

    def _try_to_write(self, lines: bytes) -> bool:
        """Write the lines; a fault is reported once, until it is over."""
        try:
            if self.path != STDOUT:
                self._rotate(len(lines))
            self._write_whole(lines)
        except OSError as fault:
            if not self._failing:
                _log.error(
                    say("Can't write {path}: {reason}", path=self.path, reason=fault.strerror or str(fault))
                )
            self._failing = True
            return False
        if self._failing:
            _log.warning(say("{path} can be written again.", path=self.path))
        self._failing = False
        return True

    def _rotate(self, size: int) -> None:
        """Begin another file where this one has no room, or was moved or deleted by others."""
        full = False
        if self._handle >= 0:
            present = os.fstat(self._handle).st_size
            full = present > 0 and present + size > self.most_bytes
            if not full and locks.is_linked(self._handle, self.path):
                return
            os.close(self._handle)  # first: Windows renames no open file
            self._handle = -1
        if full:
            for old, new in reversed(list(pairwise(list_rotated(Path(self.path))))):
                if old.exists():
                    old.replace(new)
        self._handle = self._open()

    def _write_whole(self, lines: bytes) -> None:
        """Write all lines, or none of them."""
        start = None if self.path == STDOUT else os.fstat(self._handle).st_size
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            if start is not None:
                os.ftruncate(self._handle, start)
            raise
