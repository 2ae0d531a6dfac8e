"""What a sweep gives back: its table, its winner and its report, drawn as a table in a notebook."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from pupila.artifacts.bundle.folder import Bundle, has_bundle, read_bundle
from pupila.artifacts.report.sweep import SWEEP_REPORT_FILE, Configuration, SweepReport, read_sweep_report
from pupila.artifacts.run.folder import REPORT_FILE
from pupila.artifacts.sweep.folder import BUNDLE, Cell, Sweep
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.messages import say
from pupila.experiments.page import summarise_configurations
from pupila.experiments.table import make_table
from pupila.experiments.verdict import describe_sweep

_MOST_ROWS = 10  # of the table in a notebook


@dataclass(frozen=True)
class SweepWinner:
    """The best configuration, and the model that stands for it."""

    cell: Cell  # of its first seed
    configuration: Configuration
    settings: dict[str, Any]  # the varied settings of the cell
    folder: str  # of its bundle

    @cached_property
    def bundle(self) -> Bundle | None:
        """The exported model, read and verified; None: it has none."""
        return read_bundle(self.folder) if has_bundle(self.folder) else None


@dataclass(frozen=True, repr=False)
class SweepResult(Displayed):
    """A sweep and the files that hold it: `report.json`, `report.html`, `sweep.parquet`, `sweep.csv` and `bundle/`."""

    folder: str
    details: SweepReport  # what report.json holds

    @property
    def report(self) -> str:
        """Path of report.html."""
        return files.join(self.folder, REPORT_FILE)

    @property
    def report_json(self) -> str:
        """Path of report.json."""
        return files.join(self.folder, SWEEP_REPORT_FILE)

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row for each cell, in the order of `sweep.json`; columns: see `pupila.experiments.table.make_table`."""
        return make_table(self.details)

    @cached_property
    def sweep(self) -> Sweep:
        """The folder of the sweep, each of its files read on first use."""
        return Sweep(self.folder)

    @cached_property
    def winner(self) -> SweepWinner | None:
        """The best configuration; None: no cell was completed."""
        winner = self.details.winner
        if winner is None:
            return None
        cell = self.sweep.cells[winner.row]
        configuration = self.details.configurations[winner.configuration]
        return SweepWinner(cell, configuration, cell.entry.settings, files.join(self.folder, BUNDLE))

    @property
    def sentences(self) -> list[str]:
        """The verdict, the most important first."""
        return describe_sweep(self.details, self.folder)

    def summary(self) -> Summary:
        """The winner; on a card all sentences, and the configurations, the best first."""
        verdict, *others = self.sentences
        facts = {f"{number}.": sentence for number, sentence in enumerate(others, start=2)}
        table = summarise_configurations(self.details)
        rows = [tuple(table.header), *(tuple(row) for row in table.rows[:_MOST_ROWS])]
        if (more := len(table.rows) - _MOST_ROWS) > 0:
            facts[say("Rows")] = say("the first {n}; {more} more in the report", n=_MOST_ROWS, more=more)
        return Summary("SweepResult", verdict, {**facts, say("Report"): self.report}, table=tuple(rows))


def read_result(folder: str) -> SweepResult:
    """The result that a sweep wrote into its folder.

    Raises:
        PupilaError: there is no `report.json` of this version.
    """
    return SweepResult(folder, read_sweep_report(files.join(folder, SWEEP_REPORT_FILE)))
