"""The process beside a training that writes its run to a tracker: `python -m pupila.stages.track.child`.

Its input is one line of JSON, a `Request`, then a byte after each epoch; bytes that came together are one. It reads the
run's folder, which alone counts, and brings the tracker up to date. Its output is a line of JSON for each `Report`.
When its input ends, so has the training, by itself or by a kill: it tries once more, and ends.
"""

import contextlib
import os
import sys
from collections.abc import Callable

from pydantic import Field

from pupila.artifacts.run.folder import Run
from pupila.core.errors import PupilaError
from pupila.core.records import Record
from pupila.stages.track.run import read_tracked_run
from pupila.stages.track.target import Target
from pupila.stages.track.trackers import Tracker, open_tracker

MODULE = "pupila.stages.track.child"
_NICENESS = 10  # training comes first
_MOST = 65_536  # bytes that are read at once


class Request(Record):
    """What is tracked, and where to; it holds the secrets of the place, so it is no argument of the process."""

    folder: str
    tracker: str
    place: str


class Report(Record):
    """How an update went."""

    fault: str = Field(default="", description="why the tracker could not be written to; empty: it was")
    notes: list[str] = Field(default_factory=list, description="on what the tracker could not take as it is")
    hint: str = Field(default="", description="the command that shows the run")
    ended: bool = Field(default=False, description="whether it was the last one")


class Follower:
    """Keeps a tracker up to date with the folder of a run that is training."""

    def __init__(self, request: Request, report: Callable[[Report], None]) -> None:
        self._run_folder, self._report = request.folder, report
        self._target = Target(request.tracker, request.place)
        self._tracker: Tracker | None = None

    def update(self, ended: bool) -> None:
        """Write what is new, and report."""
        try:
            self._report(self._write(ended))
        except PupilaError as fault:
            self._report(
                Report(
                    fault=f"{fault.problem}: {fault.actual}" if fault.actual else fault.problem, ended=ended
                )
            )

    def _write(self, ended: bool) -> Report:
        run = Run(self._run_folder)
        if not run.has_plan:
            return Report(ended=ended)
        self._tracker = self._tracker or open_tracker(self._target)
        written = self._tracker.write(read_tracked_run(run, training=False if ended else None))
        if ended:
            self._tracker.close()
        return Report(notes=list(written.notes), hint=self._tracker.hint, ended=ended)


def main() -> None:
    """Follow a training until the input ends."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):  # whatever others print goes nowhere
        os.dup2(silence, handle)

    def report(line: Report) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(line.model_dump_json(), file=output, flush=True)

    follower = Follower(Request.model_validate_json(_read_line()), report)
    while True:
        ended = not os.read(0, _MOST)
        follower.update(ended)
        if ended:
            return


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


if __name__ == "__main__":
    main()
    sys.stdout.flush()
