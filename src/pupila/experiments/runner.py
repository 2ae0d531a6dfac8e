"""Runs a sweep: plans its cells, has them trained here or by worker processes, and tells how far it is."""

import contextlib
import time
import uuid
from collections.abc import Sequence

from pupila.artifacts.run.log import LogCallback, Note
from pupila.artifacts.sweep.definition import SweepEntry, SweepFile
from pupila.artifacts.sweep.folder import FINISHED, Cell, Sweep, write_sweep
from pupila.core.errors import PupilaError
from pupila.core.messages import number, percent, say, say_count
from pupila.experiments.cells import entry_key
from pupila.experiments.configurations import PENDING, CellScore, Entry
from pupila.experiments.definition import OpenedSweep, RunOptions
from pupila.experiments.pool import Pool
from pupila.experiments.space import value_text
from pupila.experiments.worker import POLL_SECONDS, CellWorker, Step
from pupila.stages.train.introduction import format_time
from pupila.stages.train.sharing import fill_shared_features
from pupila.statistics.metrics.titles import metric_title


class Runner:
    """Runs the cells of one sweep.

    Args:
        sweep: opened; its `sweep.json` is there.
        options: jobs and time limit.
        tell: called with a sentence for each cell that ends.
    """

    def __init__(self, sweep: OpenedSweep, options: RunOptions, tell: LogCallback) -> None:
        self.folder, self.planner, self.options, self.tell = sweep.folder, sweep.planner, options, tell
        self.session = uuid.uuid4().hex[:12]
        self.worker = CellWorker(self.folder, sweep.inputs, self.session)
        self.expected = 0  # rows that there will be, as far as that is known
        self._start = self._first_cell = time.monotonic()
        self._until = None if options.budget is None else time.time() + options.budget
        self._pool = Pool(self.folder, self.session, options.jobs, self._until) if options.jobs > 1 else None
        self._ended: set[str] = set()  # ids of cells
        self._trained = 0  # cells of this session

    def run_cells(self, expected: Sequence[Entry]) -> list[CellScore]:
        """Train the cells of these entries, and return their scores in order; what the budget leaves is pending.

        Raises:
            PupilaError: none of them can be trained.
            KeyboardInterrupt: Ctrl-C; what has ended is stored.
        """
        rows = self.add(expected)
        self._fill_features()
        self._first_cell = self._first_cell if self._trained else time.monotonic()
        self._ended |= {cell.id for cell in Sweep(self.folder).cells if cell.state in FINISHED}
        if self._pool is None:
            self._train_here()
        else:
            try:
                self._watch(self._pool)
            except BaseException:
                self._pool.stop()
                raise
        retries = Sweep(self.folder).info.retries
        return [_score(Cell(self.folder, row, retries)) for row in rows]

    def _train_here(self) -> None:
        """Train the open cells in this process."""
        while not self.is_over_budget:
            step, cell = self.worker.train_next()
            if step == Step.NOTHING:
                break
            if cell is None:
                time.sleep(POLL_SECONDS)
            else:
                self._report(cell)

    def _watch(self, pool: Pool) -> None:
        """Have the open cells trained by the workers, and report each that ends."""
        while True:
            left = [cell for cell in Sweep(self.folder).cells if cell.id and cell.id not in self._ended]
            for cell in left:
                if cell.state in FINISHED and cell.id not in self._ended:
                    self._report(cell)
            left = [cell for cell in left if cell.id not in self._ended]
            if not left or (self.is_over_budget and not any(cell.state == "running" for cell in left)):
                break
            if not self.is_over_budget:
                pool.keep_running()
            time.sleep(POLL_SECONDS)

    def _report(self, cell: Cell) -> None:
        """Tell how a cell ended; one that failed and is run again has not."""
        if cell.state in FINISHED:
            self._ended.add(cell.id)
        self._trained += not (cell.result is not None and cell.result.timing.copied_from)
        self.tell(Note(self._describe(cell)))

    def _fill_features(self) -> None:
        """Encode the images for all cells that were planned here, each view once for all encoders.

        With a time limit each cell encodes its own, so that some are trained however short the limit is.
        """
        if self.options.budget is not None:
            return
        inputs, planned = self.worker.inputs, self.planner.planned
        waiting = [cell for cell in self.worker.list_open(Sweep(self.folder)) if cell.id in planned]
        with contextlib.suppress(PupilaError):  # the cells that it concerns name the reason
            trainings = [(planned[cell.id].plan, inputs.split_for(cell.entry)) for cell in waiting]
            fill_shared_features(inputs.data, trainings, inputs.pool)

    def add(self, expected: Sequence[Entry]) -> list[SweepEntry]:
        """The rows of these entries; those that the sweep does not have yet are planned and added to it."""
        info = Sweep(self.folder).info
        known = {entry_key(row): row for row in info.entries}
        new = [entry for entry in expected if entry_key(entry) not in known]
        if new:
            planned = self.planner.plan(new, are_first=not info.entries)
            self.planner.write(self.folder)
            known |= {entry_key(row): row for row in planned}
            for row in planned:
                if not row.cell:
                    cell = describe_settings(Cell(self.folder, row))
                    self.tell(Note(say("Not trained: {cell}: {reason}.", cell=cell, reason=row.reason)))
            self._write(info, [*info.entries, *planned])
        return [known[entry_key(entry)] for entry in expected]

    def expect(self, rows: int) -> None:
        """Take so many rows into account, of which some may not be known yet."""
        self.expected = rows

    def close(self) -> None:
        """Say in `sweep.json` that no further entries will come."""
        info = Sweep(self.folder).info
        write_sweep(self.folder, info.model_copy(update={"closed": True}))
        if self._pool is not None:
            self._pool.wait()

    @property
    def is_over_budget(self) -> bool:
        """Whether no further cell is begun."""
        return self.options.budget is not None and time.monotonic() - self._start >= self.options.budget

    def _write(self, info: SweepFile, entries: list[SweepEntry]) -> None:
        fixed = {"device": self.planner.device, "fixed": list(self.planner.choices)}
        write_sweep(self.folder, info.model_copy(update={"entries": entries, **fixed}))

    def _describe(self, cell: Cell) -> str:
        """How a cell ended, how many there are, and how long the others take."""
        rows = Sweep(self.folder).info.entries
        ended = sum(row.cell in self._ended or not row.cell for row in rows)
        total = max(len(rows), self.expected)
        values = {
            "n": ended,
            "total": total,
            "cell": describe_settings(cell),
            "outcome": describe_outcome(cell),
        }
        if ended == total:
            return say("Cell {n} of {total}: {cell}: {outcome}.", **values)
        seconds = (time.monotonic() - self._first_cell) / max(1, self._trained) * (total - ended)
        left = format_time(max(seconds, 1.0))
        return say("Cell {n} of {total}: {cell}: {outcome}; about {left} left.", left=left, **values)


def describe_interruption(sweep: Sweep) -> str:
    """What Ctrl-C left, and how it continues."""
    ended = sum(cell.state in FINISHED for cell in sweep.cells)
    return say_count(
        "Interrupted: {part} of {n} row has ended. --resume --out {folder} continues, with the same result as "
        "without the interruption.",
        "Interrupted: {part} of {n} rows have ended. --resume --out {folder} continues, with the same result as "
        "without the interruption.", len(sweep.cells), part=ended, folder=sweep.folder,
    )  # fmt: skip


def describe_settings(cell: Cell) -> str:
    """What a cell varies: "model=resnet18, augment=A1"."""
    settings = [f"{name}={value_text(value)}" for name, value in cell.entry.settings.items()]
    if (share := cell.entry.share) is not None:
        settings.insert(0, say("{share} of the training images", share=percent(share.share, 0)))
    return ", ".join(settings)


def describe_outcome(cell: Cell) -> str:
    """How a cell ended, in words."""
    if cell.result is None:
        return say(
            "{state}: {reason}",
            state=cell.state,
            reason=cell.reason or (cell.error.reason if cell.error else ""),
        )
    estimate = cell.result.metrics.get(cell.result.metric)
    score = estimate.text() if estimate is not None else say("no figure")
    metric = metric_title(cell.result.metric)
    timing = cell.result.timing
    values = {"metric": metric, "score": score, "source": timing.copied_from}
    values["time"] = (
        say("copied from sweep {source}, not trained again", **values)
        if timing.copied_from
        else say("{seconds} s", seconds=number(timing.seconds, 1))
    )
    if cell.state == "collapsed":
        return say("collapsed, {metric} {score}, {time}", **values)
    return say("{metric} {score}, {time}", **values)


def _score(cell: Cell) -> CellScore:
    if cell.state not in FINISHED:
        return CellScore(PENDING)
    if cell.result is None:
        return CellScore("failed")
    return CellScore(cell.result.state, cell.result.score)
