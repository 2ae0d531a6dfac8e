"""A sweep's folder: its definition and its cells, each file read on first use."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pupila.artifacts.run.folder import InFolder, Run, find_path
from pupila.artifacts.sweep.cell import ERROR_FILE, RESULT_FILE, CellError, CellResult
from pupila.artifacts.sweep.definition import SWEEP_FILE, SweepEntry, SweepFile
from pupila.artifacts.sweep.lease import LEASE_FILE, Lease, read_lease
from pupila.artifacts.sweep.sealed import read_sealed, write_sealed
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.json_text import dump_json
from pupila.core.messages import say, say_count

CELLS, BUNDLE = "cells", "bundle"  # folders
CellState = Literal["completed", "collapsed", "failed", "running", "waiting", "impossible"]
FINISHED: tuple[CellState, ...] = ("completed", "collapsed", "failed", "impossible")


@dataclass(frozen=True)
class Cell:
    """One row of a sweep, and the folder of its run; equal rows share a folder."""

    sweep: str  # folder of the sweep
    entry: SweepEntry
    retries: int = 1  # how often it is run again after a failure

    @property
    def id(self) -> str:
        """Of the cell; empty where its settings can't be trained."""
        return self.entry.cell

    @property
    def folder(self) -> str:
        """Of its run."""
        return cell_folder(self.sweep, self.id)

    @cached_property
    def run(self) -> Run:
        """Plan, log and out-of-fold predictions; without a bundle until the cell is finished into one."""
        return Run(self.folder)

    @cached_property
    def result(self) -> CellResult | None:
        """Its figures; None: it has not ended, or failed.

        Raises:
            PupilaError: the file is damaged.
        """
        uri = files.join(self.folder, RESULT_FILE)
        return read_sealed(CellResult, uri) if self.id and files.exists(uri) else None

    @cached_property
    def error(self) -> CellError | None:
        """Why its last attempt failed; None: it did not.

        Raises:
            PupilaError: the file is damaged.
        """
        uri = files.join(self.folder, ERROR_FILE)
        return read_sealed(CellError, uri) if self.id and files.exists(uri) else None

    @cached_property
    def lease(self) -> Lease | None:
        """Who trains it, or did so when it was killed; None: nobody."""
        return read_lease(files.join(self.folder, LEASE_FILE)) if self.id else None

    @property
    def state(self) -> CellState:
        """How it stands, which the files in its folder tell."""
        if not self.id:
            return "impossible"
        if self.result is not None:
            return self.result.state
        if self.error is not None and self.error.attempts > self.retries:
            return "failed"
        return "running" if self.lease is not None and self.lease.is_live else "waiting"

    @property
    def reason(self) -> str:
        """Why it has no result; empty where it has one, or has not ended."""
        if not self.id:
            return self.entry.reason
        return self.error.reason if self.state == "failed" and self.error is not None else ""


@dataclass(frozen=True, repr=False)
class Sweep(Displayed):
    """A sweep, as the files in its folder describe it when they are first read."""

    folder: str

    @property
    def name(self) -> str:
        """The last part of the folder's path."""
        return self.folder.rstrip("/").rpartition("/")[2]

    @cached_property
    def info(self) -> SweepFile:
        """The content of `sweep.json`.

        Raises:
            PupilaError: another version of Pupila wrote it, or it is damaged.
        """
        return read_sealed(SweepFile, files.join(self.folder, SWEEP_FILE))

    @cached_property
    def cells(self) -> list[Cell]:
        """A cell for each entry, in order."""
        return [Cell(self.folder, entry, self.info.retries) for entry in self.info.entries]

    def cell(self, cell_id: str) -> Cell:
        """The first cell with this id, or with the only id that begins so.

        Raises:
            PupilaError: there is none, or several are meant.
        """
        matches = {cell.id: cell for cell in reversed(self.cells) if cell.id and cell.id.startswith(cell_id)}
        if len(matches) != 1:
            raise PupilaError(
                say("No single cell {cell} in {folder}", cell=cell_id, folder=self.folder),
                actual=say_count("{n} cell", "{n} cells", len(matches)), expected=say("the id of a cell"),
            )  # fmt: skip
        return next(iter(matches.values()))

    @property
    def table_hash(self) -> str:
        """SHA-256 of what the table says: settings, states and figures of all entries, without times and hosts."""
        rows = [_describe_row(cell) for cell in self.cells]
        return hashlib.sha256(dump_json(rows, sort_keys=True).encode()).hexdigest()

    def summary(self) -> Summary:
        """Its cells by state."""
        states = [cell.state for cell in self.cells]
        counts = {state: states.count(state) for state in dict.fromkeys(states)}
        cells = say_count("{n} cell", "{n} cells", len(states))
        parts = ", ".join(f"{count} {state}" for state, count in counts.items())
        headline = say("{cells} in {folder}: {parts}", cells=cells, folder=self.folder, parts=parts)
        return Summary("Sweep", headline)


def _describe_row(cell: Cell) -> dict[str, Any]:
    """What an entry and its outcome say, without the clock, the machine and the version."""
    result = cell.result
    figures = (
        {} if result is None else result.model_dump(mode="json", exclude={"timing", "checksum", "made_by"})
    )
    return {"entry": cell.entry.model_dump(mode="json", exclude={"reason"}), "state": cell.state, **figures}


def cell_folder(sweep: str, cell_id: str) -> str:
    """The folder of a cell's run."""
    return f"{sweep}/{CELLS}/{cell_id}"


def write_sweep(folder: str, content: SweepFile) -> None:
    """Write the `sweep.json` of a sweep."""
    write_sealed(files.join(folder, SWEEP_FILE), content)


def is_sweep(folder: str) -> bool:
    """Whether a folder holds a sweep."""
    return files.exists(files.join(folder, SWEEP_FILE))


def read_sweep(sweep: str | InFolder) -> Sweep:
    """The sweep in a folder, or the sweep itself.

    Raises:
        PupilaError: the folder holds no sweep.
    """
    if isinstance(sweep, Sweep):
        return sweep
    folder = find_path(sweep)
    if not is_sweep(folder):
        raise PupilaError(
            say("No sweep in {path}", path=folder), actual=say("no {name}", name=SWEEP_FILE),
            expected=say("the folder of a sweep"), remedy="pupila sweep DATA --grid NAME=V1,V2",
        )  # fmt: skip
    return Sweep(folder)
