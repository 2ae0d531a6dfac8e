"""The worker processes of a sweep: started by its process, started again where one was killed, ended with it.

A worker is a Python of its own, which opens the data once; features and exports are shared in the cache folder.
"""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from pupila.core.errors import PupilaError
from pupila.core.messages import say

MODULE = "pupila.experiments.process"
LOGS = "logs"  # folder of what the workers print
_PATIENCE = 30.0  # seconds in which a worker ends after Ctrl-C
_MOST_FAULTS = 3  # workers in a row that can't begin


class Pool:
    """The workers of one sweep.

    Args:
        folder: of the sweep.
        session: start of the sweep that they belong to.
        jobs: their number.
        until: time in seconds since 1970 after which they begin no cell; None: no limit.
    """

    def __init__(self, folder: str, session: str, jobs: int, until: float | None = None) -> None:
        self.folder, self.session, self.until = folder, session, until
        self._workers: list[subprocess.Popen[bytes] | None] = [None] * jobs
        self._faults = 0

    def keep_running(self) -> None:
        """Start the workers that do not run.

        Raises:
            PupilaError: several in a row ended with an error.
        """
        for number, worker in enumerate(self._workers):
            code = None if worker is None else worker.poll()
            if worker is not None and code is None:
                continue
            if code is not None and code > 0:  # killed by a signal: below zero
                self._faults += 1
            if self._faults >= _MOST_FAULTS:
                raise PupilaError(
                    say("The workers of the sweep can't begin"), actual=self._read_last_line(number),
                    remedy=say("--jobs 1 trains in one process; see {path}", path=str(self._log(number))),
                )  # fmt: skip
            self._workers[number] = self._start(number)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        log = self._log(number)
        log.parent.mkdir(parents=True, exist_ok=True)
        limit = [] if self.until is None else [str(self.until)]
        command = [sys.executable, "-m", MODULE, self.folder, self.session, *limit]
        with log.open("ab") as file:
            # A group of its own: Ctrl-C in the terminal reaches the sweep's process alone, which ends the workers.
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    def _log(self, number: int) -> Path:
        return Path(self.folder, LOGS, f"worker-{number + 1}.log")

    def _read_last_line(self, number: int) -> str:
        lines = self._log(number).read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""

    def wait(self) -> None:
        """Wait for the workers, which end where no cell is left for them."""
        for worker in filter(None, self._workers):
            worker.wait()

    def stop(self) -> None:
        """End the workers as Ctrl-C does: each saves its epoch; those that do not end are killed."""
        running = [worker for worker in self._workers if worker is not None and worker.poll() is None]
        for worker in running:
            with contextlib.suppress(OSError):
                worker.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
        for worker in running:
            try:
                worker.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
