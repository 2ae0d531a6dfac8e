"""Follows a training with a process of its own, which may fail, hang or die without the training noticing."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from pupila.artifacts.run.log import EpochLog, LogCallback, LogLine, Note
from pupila.core import files
from pupila.core.messages import integer, say
from pupila.stages.track.child import MODULE, Report, Request
from pupila.stages.track.target import Target

END_SECONDS = 60.0  # for the last update, with the bundle
_QUIET_SECONDS = 2.0  # of it, after which a note says what is waited for


class LiveTracking:
    """Passes the lines of a log on, and has the run written to a tracker after each epoch.

    An update that takes longer than an epoch covers several. What fails is a note, and is tried again after the next
    epoch and at the end; the training is never slowed, and never fails.

    Args:
        folder: of the run.
        target: tracker and place.
        tell: called with each line of the log and each note, in this thread alone.
        end_seconds: for the last update.
    """

    def __init__(
        self, folder: str, target: Target, tell: LogCallback, end_seconds: float = END_SECONDS
    ) -> None:
        self._folder, self._target, self._tell, self._end_seconds = folder, target, tell, end_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read_reports, name="tracking", daemon=True)
        self._last = Report()
        self._is_started = False
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_started:  # a run that had ended before
            self._start()
        if self._is_started:
            self._end()

    def on_log(self, line: LogLine) -> None:
        """Pass a line of the log on; after an epoch the process is woken."""
        if not self._is_started:  # from now on the folder holds this run
            self._start()
        self._tell(line)
        if isinstance(line, EpochLog):
            self._wake()
            self._tell_reports()

    def _start(self) -> None:
        self._is_started = True
        source = str(Path(__file__).parents[3])
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]),
        }
        request = Request(
            folder=files.absolute(self._folder), tracker=self._target.tracker, place=self._target.place
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=environment, start_new_session=True,  # Ctrl-C is for the training
            )  # fmt: skip
            self._write(request.model_dump_json().encode() + b"\n")
        except OSError as fault:
            self._last = Report(fault=fault.strerror or str(fault))
            return
        if self._process.stdin is not None and os.name != "nt":
            os.set_blocking(self._process.stdin.fileno(), False)
        self._reader.start()

    def _write(self, content: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            os.write(self._process.stdin.fileno(), content)

    def _wake(self) -> None:
        with contextlib.suppress(
            OSError
        ):  # full of wake-ups that wait, or it has died, which the end reports
            self._write(b".")

    def _read_reports(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        for line in self._process.stdout:
            with contextlib.suppress(ValidationError):
                self._reports.put(Report.model_validate_json(line))

    def _tell_reports(self) -> None:
        """Tell what is new; a fault once, until an update has succeeded."""
        while not self._reports.empty():
            report, before = self._reports.get(), self._last
            self._last = report
            for note in report.notes:
                if note not in self._notes:
                    self._tell(Note(note))
            self._notes |= {*report.notes}
            if report.fault and not report.ended and report.fault != before.fault:
                self._tell(Note(say(
                    "Tracking is behind: {fault}. Training is not affected; the next epoch tries again.",
                    fault=report.fault,
                )))  # fmt: skip

    def _end(self) -> None:
        """Wait for the last update, at most so long; say what is missing and how to write it later."""
        process = self._process
        if process is not None:
            try:
                self._close_input(process)
                self._wait(process)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
            self._reader.join(_QUIET_SECONDS)
            if process.stdout is not None:
                process.stdout.close()
            self._tell_reports()
        if self._last.ended and not self._last.fault:
            if self._last.hint:
                self._tell(Note(say("Tracked: {command}", command=self._last.hint)))
            return
        late = say("it took more than {n} s", n=integer(round(self._end_seconds)))
        killed = process is not None and process.returncode is not None and process.returncode < 0
        reason = self._last.fault or (late if killed else say("its process has ended"))
        self._tell(Note(say(
            "The tracker does not have all of the run: {reason}. The run itself is complete; later: {command}",
            reason=reason, command=f"pupila track {self._folder} --to {self._target}",
        )))  # fmt: skip

    def _close_input(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        begin = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(_QUIET_SECONDS, self._end_seconds))
            return
        self._tell(Note(say("Writing the run to {target}, at most {n} s.", target=str(self._target),
                            n=integer(round(self._end_seconds)))))  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, self._end_seconds - (time.monotonic() - begin)))
