"""The table of a sweep: a row for each cell, as Parquet and as CSV."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from pupila.artifacts.report.sweep import SweepReport, SweepRow
from pupila.artifacts.sweep.definition import REPEATING
from pupila.artifacts.sweep.folder import Cell
from pupila.core import files
from pupila.core.csv_text import csv_text
from pupila.experiments.space import value_text
from pupila.statistics.estimate import Estimate

PARQUET_FILE, CSV_FILE = "sweep.parquet", "sweep.csv"
_EMPTY = Estimate(value=None)


def make_row(cell: Cell) -> SweepRow:
    """What a cell says, whether it ended or not."""
    entry, result, error = cell.entry, cell.result, cell.error
    figures: dict[str, Any] = {}
    if result is not None:
        figures = {
            "metrics": result.metrics, "images": result.images, "groups": result.groups,
            "best_epoch": result.best_epoch, "epochs": result.epochs, "parameters": result.parameters,
            "probe": result.probe,
        }  # fmt: skip
    ended = result or error
    return SweepRow(
        cell=cell.id, settings=entry.settings, seed=entry.seed, trial=entry.trial, rung=entry.rung,
        share=entry.share.share if entry.share else None, repeat=entry.share.repeat if entry.share else None,
        state=cell.state, reason=cell.reason, timing=ended.timing if ended else None, **figures,
    )  # fmt: skip


def make_table(report: SweepReport) -> pl.DataFrame:
    """A row for each cell, in the order of `sweep.json`.

    Returns:
        Columns: cell, trial, rung, share and repeat; each varied setting; seed, state and reason; each metric with the
        ends of its 95 % interval (`_low`, `_high`); images, groups, best_epoch, trained_epochs and parameters; and last
        what depends on the clock and the machine: seconds, milliseconds (per image) and host.
    """
    rows = report.rows
    columns: dict[str, pl.Series] = {"cell": pl.Series([row.cell for row in rows], dtype=pl.String)}
    for name, kind in (("trial", pl.Int64), ("rung", pl.Int64), ("share", pl.Float64), ("repeat", pl.Int64)):
        values = [getattr(row, name) for row in rows]
        if any(value is not None for value in values):
            columns[name] = pl.Series(values, dtype=kind)
    for name in list_settings(report):
        columns[name] = _setting_column([row.settings.get(name) for row in rows])
    columns["seed"] = pl.Series([row.seed for row in rows], dtype=pl.Int64)
    columns |= {
        name: pl.Series([getattr(row, name) for row in rows], dtype=pl.String) for name in ("state", "reason")
    }
    for metric in list_metrics(report):
        estimates = [row.metrics.get(metric, _EMPTY) for row in rows]
        columns |= {
            f"{metric}{end}": pl.Series([getattr(e, part) for e in estimates], dtype=pl.Float64)
            for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
    for name, part in (("images", "images"), ("groups", "groups"), ("best_epoch", "best_epoch"),
                       ("trained_epochs", "epochs"), ("parameters", "parameters")):  # fmt: skip
        columns[name] = pl.Series([getattr(row, part) for row in rows], dtype=pl.Int64)
    times = [row.timing for row in rows]
    columns |= {
        "seconds": pl.Series([t.seconds if t else None for t in times], dtype=pl.Float64),
        "milliseconds": pl.Series([t.milliseconds if t else None for t in times], dtype=pl.Float64),
        "host": pl.Series([t.host if t else None for t in times], dtype=pl.String),
    }
    return pl.DataFrame(columns)


def list_settings(report: SweepReport) -> list[str]:
    """The names of what varies, in the order of the axes, without those that repeat a configuration."""
    named = [axis.name for axis in report.axes] + [name for row in report.rows for name in row.settings]
    return [name for name in dict.fromkeys(named) if name not in REPEATING]


def list_metrics(report: SweepReport) -> list[str]:
    """The ids of the metrics of all rows, the one that chooses the winner first."""
    measured = dict.fromkeys(name for row in report.rows for name in row.metrics)
    return [name for name in (report.metric,) if name in measured] + [
        n for n in measured if n != report.metric
    ]


def write_table(folder: str, report: SweepReport) -> pl.DataFrame:
    """Write `sweep.parquet` and `sweep.csv`, and return the table."""
    table = make_table(report)
    files.write_parquet(files.join(folder, PARQUET_FILE), table)
    lines: list[Sequence[object]] = [table.columns]
    lines += [[_csv_cell(cell) for cell in row] for row in table.iter_rows()]
    files.write_bytes(files.join(folder, CSV_FILE), csv_text(lines).encode())
    return table


def _csv_cell(cell: object) -> object:
    return str(cell).lower() if isinstance(cell, bool) else cell


def _setting_column(values: Sequence[object]) -> pl.Series:
    """A column of one type: numbers and yes or no as they are, what is mixed or nested as text; null: not set."""
    given = {type(value) for value in values if value is not None}
    if given <= {int, float}:
        return pl.Series(values, dtype=pl.Float64 if float in given else pl.Int64)
    if given == {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    return pl.Series([None if value is None else value_text(value) for value in values], dtype=pl.String)
