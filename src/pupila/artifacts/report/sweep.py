"""`report.json` of a sweep: its table, the winner, and all that is not distinguishable from it."""

from typing import Any, Literal

from pydantic import Field, NonNegativeInt

from pupila.artifacts.bundle.validation import ProbeComparison
from pupila.artifacts.sweep.cell import CellTiming
from pupila.artifacts.sweep.definition import Axis
from pupila.artifacts.sweep.folder import CellState
from pupila.core.messages import say
from pupila.core.records import Record, read_record
from pupila.core.version import __version__
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.metrics.baseline import Baseline
from pupila.statistics.selection import SelectionScore

SWEEP_REPORT_FILE = "report.json"
SWEEP_REPORT_SCHEMA: Literal[1] = 1


class SweepRow(Record):
    """One row of the table: a cell, its settings and its figures on validation."""

    cell: str = Field(description="id of the cell; empty: its settings can't be trained")
    settings: dict[str, Any] = Field(description="the varied settings")
    seed: int = Field(description="seed of all random draws")
    trial: int | None = Field(default=None, description="number of a search's trial")
    rung: int | None = Field(default=None, description="step of a successive halving, from 0")
    share: float | None = Field(default=None, description="share of the training groups, of a learning curve")
    repeat: int | None = Field(default=None, description="number of the draw of that share")
    state: CellState = Field(description="completed, collapsed, failed, running, waiting or impossible")
    reason: str = Field(default="", description="why there is no result; empty where there is one")
    metrics: dict[str, Estimate] = Field(default_factory=dict, description="by id, on validation")
    images: int | None = Field(default=None, description="validation images")
    groups: int | None = Field(default=None, description="groups of related images among them")
    probe: ProbeComparison | None = Field(default=None, description="a linear probe on the same features")
    best_epoch: int | None = Field(default=None, description="epoch of the weights")
    epochs: int | None = Field(default=None, description="epochs that were trained")
    parameters: int | None = Field(default=None, description="weights of the network")
    timing: CellTiming | None = Field(default=None, description="what depends on the clock and the machine")


class WinnerComparison(Record):
    """The winner compared with another configuration on the same validation images."""

    difference: Difference = Field(description="of the metric, winner minus the other")
    p_value: float = Field(description="that there is none: results are exchanged in groups")
    p_holm: float = Field(description="Holm-corrected over all configurations that were compared")
    distinguishable: bool = Field(description="whether the corrected p-value is below 0.05")


class Configuration(Record):
    """The settings of a row without the seed: its cells are averaged."""

    settings: dict[str, Any] = Field(description="the varied settings without the seed")
    rows: list[NonNegativeInt] = Field(description="its rows of the table")
    seeds: list[int] = Field(description="of the rows that have a score")
    collapsed: NonNegativeInt = Field(description="rows that collapsed")
    score: Estimate = Field(description="the metric on validation, the mean over seeds")
    parameters: int | None = Field(default=None, description="weights of the network")
    milliseconds: float | None = Field(default=None, description="per image; null: not measured")
    host: str = Field(default="", description="machine on which the milliseconds were measured")
    comparison: WinnerComparison | None = Field(
        default=None, description="with the winner; null: the winner, or no predictions to compare"
    )


class LevelScore(Record):
    """All cells that share a value of one setting."""

    setting: str = Field(description="name of the setting")
    value: Any = Field(description="of the setting")
    score: Estimate = Field(description="the metric on validation, the mean over the cells")
    cells: int = Field(description="with a score")


class TestScore(Record):
    """The winner on the sealed test split."""

    metrics: dict[str, Estimate] = Field(description="by id")
    images: int = Field(description="test images")
    groups: int = Field(description="groups of related images among them")
    accesses: int = Field(description="evaluations of the test split so far")
    report: str = Field(description="path of its report")


class Winner(Record):
    """The configuration with the best score."""

    configuration: NonNegativeInt = Field(description="its place among the configurations")
    row: NonNegativeInt = Field(description="row of the table whose model is in bundle/: its first seed")
    bundle: str = Field(default="", description="hash of the bundle; empty: it was not exported")
    smaller: int | None = Field(
        default=None, description="place of the smallest model that is not distinguishable from it"
    )
    faster: int | None = Field(
        default=None, description="place of the fastest model that is not distinguishable from it"
    )
    selection: SelectionScore | None = Field(
        default=None, description="the score of the best of all epochs of all cells, corrected for the choice"
    )
    uncorrected: NonNegativeInt = Field(default=0, description="cells that the correction lacks: no outcomes")
    test: TestScore | None = Field(default=None, description="null: the test split stayed sealed")


class SettingImportance(Record):
    """The importance of one setting."""

    setting: str = Field(description="name of the setting")
    share: float = Field(description="of the importance of all settings; they sum to 1")
    p_value: float = Field(description="that shuffled scores give as much, Holm-corrected over the settings")
    distinguishable: bool = Field(description="whether the p-value is below 0.05")


class Importance(Record):
    """The importance of the settings, the greatest first."""

    settings: list[SettingImportance] = Field(description="empty: too few configurations, or equal scores")
    configurations: NonNegativeInt = Field(description="with a score, from which it was computed")


class SweepReport(Record):
    """The content of `report.json`."""

    schema_version: Literal[1] = Field(
        default=SWEEP_REPORT_SCHEMA, alias="schema", description="version of this file"
    )
    made_by: str = Field(default=f"pupila {__version__}", description="name and version of the writer")
    name: str = Field(description="of the sweep's folder")
    task: str = Field(description="name of the task: classify, multilabel, segment or prompt")
    classes: list[str] = Field(description="class names")
    metric: str = Field(description="id of the metric on validation that chooses the winner")
    data_hash: str = Field(description="hash of the data set")
    splits_hash: str = Field(description="hash of splits.json")
    table_hash: str = Field(description="hash of the table without times and machines")
    leaking: bool = Field(default=False, description="whether the split leaks")
    has_test_split: bool = Field(description="whether there is a test split with labels")
    axes: list[Axis] = Field(description="what varies")
    search: dict[str, Any] = Field(default_factory=dict, description="settings of a search; empty: a grid")
    finished: bool = Field(description="whether all cells have ended")
    rows: list[SweepRow] = Field(description="in the order of sweep.json")
    configurations: list[Configuration] = Field(description="the best first, those without a score last")
    levels: list[LevelScore] = Field(
        default_factory=list, description="of a grid: the mean score of each value of each setting"
    )
    baseline: Baseline | None = Field(default=None, description="a prediction that needs no model")
    importance: Importance | None = Field(
        default=None,
        description="of a search or a halving: how much each setting matters for the best scores",
    )
    winner: Winner | None = Field(default=None, description="null: no cell was completed")

    @property
    def is_curve(self) -> bool:
        """Whether its cells are those of a learning curve, which has a page of its own."""
        return any(row.share is not None for row in self.rows)


def read_sweep_report(uri: str) -> SweepReport:
    """The content of a sweep's `report.json`.

    Raises:
        PupilaError: another version of Pupila wrote it, or it is no such report.
    """
    problem = say("{path} was written by another version of Pupila", path=uri)
    return read_record(SweepReport, uri, problem, say("pupila sweep DATA --resume writes it again"))
