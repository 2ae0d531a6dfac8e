"""Trains the cells of a sweep, one at a time, whichever nobody else trains: in the sweep's process or in several."""

import contextlib
from enum import Enum

from pupila.artifacts.run.log import LogCallback
from pupila.artifacts.sweep.cell import ERROR_FILE, RESULT_FILE, CellError, CellTiming
from pupila.artifacts.sweep.folder import FINISHED, Cell, Sweep
from pupila.artifacts.sweep.lease import HeldLease, hold_cell
from pupila.artifacts.sweep.sealed import write_sealed
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.experiments.cells import first_line
from pupila.experiments.inputs import SweepInputs
from pupila.experiments.siblings import hold_siblings, runs_in_sibling, take_over
from pupila.stages.train.cell import train_cell

POLL_SECONDS = 0.2  # between two looks at cells that others train
MOST_KILLS = 3  # of processes that train one cell, without an epoch in between


class Step(Enum):
    """What a call of `train_next` did."""

    TRAINED = "trained"  # a cell, or failed at it
    BUSY = "busy"  # others train the cells that are left
    NOTHING = "nothing"  # no cell is left


class CellWorker:
    """Trains cells of one sweep.

    Args:
        folder: of the sweep.
        inputs: data and split.
        session: start of the sweep that this process belongs to.
        on_log: called with each line of a cell's log, which lies in its folder.
    """

    def __init__(
        self, folder: str, inputs: SweepInputs, session: str, on_log: LogCallback = lambda line: None
    ) -> None:
        self.folder, self.inputs, self.session, self.on_log = folder, inputs, session, on_log
        self._ended: set[str] = set()  # ids of cells, which are not read again

    def train_next(self) -> tuple[Step, Cell | None]:
        """Train the next cell that nobody trains, and return it as it ended.

        Raises:
            KeyboardInterrupt: Ctrl-C; training it again resumes it.
        """
        step = Step.NOTHING
        sweep = Sweep(self.folder)
        for cell in self.list_open(sweep):
            with contextlib.ExitStack() as stack:
                with hold_siblings(self.folder):
                    if take_over(cell):
                        return Step.TRAINED, _read_again(cell)
                    elsewhere = runs_in_sibling(cell)
                    lease = None if elsewhere else stack.enter_context(hold_cell(cell.folder, self.session))
                if lease is None:
                    step = Step.BUSY
                    continue
                cell = _read_again(cell)  # another process may have ended it meanwhile
                if cell.state in FINISHED:
                    continue
                if self._train(sweep, cell, lease):
                    return Step.TRAINED, _read_again(cell)
                step = Step.BUSY
        return step, None

    def list_open(self, sweep: Sweep) -> list[Cell]:
        """The cells without an end, each once: those that failed before come last."""
        left = {cell.id: cell for cell in reversed(sweep.cells) if cell.id and cell.id not in self._ended}
        self._ended |= {cell.id for cell in left.values() if cell.state in FINISHED}
        rows = [cell for cell in sweep.cells if left.get(cell.id) is cell and cell.id not in self._ended]
        return sorted(rows, key=lambda cell: cell.error.attempts if cell.error else 0)

    def _train(self, sweep: Sweep, cell: Cell, lease: HeldLease) -> bool:
        """Train a cell that is held; False where a process that lost its lease still trains in its folder."""
        attempts = 1 + (cell.error.attempts if cell.error else 0)
        try:
            if lease.lease.kills >= MOST_KILLS:
                attempts = cell.retries + 1
                raise PupilaError(
                    say("The process that trained it was killed {n} times", n=lease.lease.kills),
                    actual=say("no epoch was completed in between; often the machine has too little memory"),
                )
            splits = self.inputs.split_for(cell.entry)
            result = train_cell(
                self.inputs.data, splits, cell.folder, sweep.info.fixed, self.on_log, self.inputs.pool
            )
        except Exception as fault:  # noqa: BLE001 -- the other cells are trained, and its row has the reason
            if isinstance(fault.__cause__, BlockingIOError):
                return False
            timing = CellTiming(seconds=0.0, host=lease.lease.host)
            error = CellError(cell=cell.id, reason=first_line(fault), attempts=attempts, timing=timing)
            write_sealed(files.join(cell.folder, ERROR_FILE), error)
            return True
        write_sealed(files.join(cell.folder, RESULT_FILE), result)
        files.remove(files.join(cell.folder, ERROR_FILE))
        return True


def _read_again(cell: Cell) -> Cell:
    return Cell(cell.sweep, cell.entry, cell.retries)
