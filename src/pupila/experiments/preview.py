"""A sweep before it runs: its cells, what can't be trained, and about how long it takes; nothing is written."""

from dataclasses import dataclass

from pupila.api.data import find_agreed_split, open_labelled
from pupila.api.inputs import Data
from pupila.api.split import plan_split
from pupila.artifacts.sweep.definition import SweepEntry
from pupila.core.display import Displayed, Summary
from pupila.core.messages import integer, say, say_count
from pupila.experiments.cells import CellPlanner
from pupila.experiments.definition import Definition, RunOptions
from pupila.experiments.inputs import SweepInputs
from pupila.experiments.settings import SweepSettings
from pupila.experiments.space import value_text
from pupila.stages.train.cell import divide_threads
from pupila.stages.train.estimate import estimate_seconds
from pupila.stages.train.introduction import format_time


@dataclass(frozen=True, repr=False)
class SweepPreview(Displayed):
    """The rows of a grid with their cells, or for a search what it varies."""

    rows: list[SweepEntry]  # empty for a search, whose configurations are suggested one after the other
    sentences: list[str]
    seconds: float | None  # of all cells; None for a search

    def summary(self) -> Summary:
        """Its counts."""
        return Summary(
            "SweepPreview", self.sentences[-1], {str(n): s for n, s in enumerate(self.sentences, 1)}
        )


def preview_sweep(data: Data, definition: Definition, settings: SweepSettings) -> SweepPreview:
    """Plan the cells of a sweep.

    Args:
        data: whatever `pupila.open` takes.
        definition: of the sweep.
        settings: how it is run.

    Raises:
        PupilaError: none of the rows can be trained.
    """
    options = RunOptions.parse(settings)
    sentences = definition.space.describe()
    if settings.search is not None:
        trials = say_count("{n} trial of a search.", "{n} trials of a search.", settings.trials)
        return SweepPreview([], [*sentences, trials], None)
    opened = open_labelled(data, definition.reading)
    folds = definition.folds
    splits = find_agreed_split(opened, folds) or plan_split(opened, folds=folds)
    inputs = SweepInputs(opened, splits)
    planner = CellPlanner(inputs, definition.space, "auto", divide_threads(options.jobs))
    rows = planner.plan(definition.entries())
    seconds = estimate_seconds(list(planner.planned.values()), opened) / options.jobs
    impossible = sum(not row.cell for row in rows)
    sentences += [_describe_row(row) for row in rows]
    sentences.append(say(
        "{cells}, {rows}; {impossible} can't be trained. About {time} on {jobs}.",
        cells=say_count("{n} cell", "{n} cells", len(planner.planned)),
        rows=say_count("{n} row", "{n} rows", len(rows)), impossible=integer(impossible),
        time=format_time(max(seconds, 1.0)), jobs=say_count("{n} process", "{n} processes", options.jobs),
    ))  # fmt: skip
    return SweepPreview(rows, sentences, seconds)


def _describe_row(row: SweepEntry) -> str:
    """A row, and its cell or why it has none."""
    settings = ", ".join(f"{name}={value_text(value)}" for name, value in row.settings.items())
    return say("{settings}: {cell}", settings=settings, cell=row.cell or row.reason)
