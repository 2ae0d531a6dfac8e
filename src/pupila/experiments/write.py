"""The files that a sweep leaves beside its cells: table, report and page."""

from pupila.artifacts.report.page import render
from pupila.artifacts.report.sweep import SWEEP_REPORT_FILE, SweepReport
from pupila.artifacts.run.folder import write_report
from pupila.artifacts.run.log import EpochLog
from pupila.artifacts.sweep.folder import Sweep
from pupila.core import files
from pupila.core.json_text import dump_json
from pupila.experiments.page import make_sweep_page
from pupila.experiments.result import SweepResult
from pupila.experiments.table import write_table


def write_result(sweep: Sweep, report: SweepReport) -> SweepResult:
    """Write `sweep.parquet`, `sweep.csv`, `report.json` and `report.html` into the sweep's folder."""
    write_table(sweep.folder, report)
    content = dump_json(report.model_dump(mode="json", by_alias=True), indent=1) + "\n"
    files.write_bytes(files.join(sweep.folder, SWEEP_REPORT_FILE), content.encode())
    page = make_sweep_page(report, _read_winner_log(sweep, report), sweep.folder)
    write_report(sweep.folder, render(page))
    return SweepResult(sweep.folder, report)


def _read_winner_log(sweep: Sweep, report: SweepReport) -> list[EpochLog]:
    return [] if report.winner is None else sweep.cells[report.winner.row].run.log
