"""The report of a sweep: its rows and configurations, the winner, and what is not distinguishable from it."""

from collections.abc import Sequence

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import LEAKING, SplitFile
from pupila.artifacts.report.sweep import (
    Configuration,
    Importance,
    LevelScore,
    SweepReport,
    SweepRow,
    Winner,
)
from pupila.artifacts.run.folder import Run
from pupila.artifacts.sweep.definition import REPEATING
from pupila.artifacts.sweep.folder import FINISHED, Sweep
from pupila.core.vocabulary import TEST
from pupila.experiments.importance import measure_importance
from pupila.experiments.outcomes.correct import correct_winner
from pupila.experiments.outcomes.pairs import read_outcomes
from pupila.experiments.outcomes.scorers import OUTCOME_SCORERS
from pupila.experiments.scores import read_axes, read_scores
from pupila.experiments.table import make_row
from pupila.experiments.winner import (
    Predictions,
    compare_with_winner,
    find_faster,
    find_smaller,
    is_winner,
    rank_configurations,
)
from pupila.statistics.estimate import Estimate

_LEAST_AXES = 3  # from which a grid's page needs the mean score of each value: two fit into one figure


def report_sweep(sweep: Sweep, data: Dataset, splits: SplitFile) -> SweepReport:
    """What the cells of a sweep say so far; those that have not ended are in the table without figures.

    Args:
        sweep: read after the last change of its files.
        data: the data set that it was trained on.
        splits: made from these very data.
    """
    info = sweep.info
    rows = [make_row(cell) for cell in sweep.cells]
    predictions = _read_predictions(sweep, data)
    configurations = rank_configurations(rows, info.metric, predictions)
    winner = None
    if configurations and is_winner(configurations[0]) and all(row.share is None for row in rows):
        configurations = compare_with_winner(configurations, rows, predictions)
        winner = _describe_winner(configurations, rows)
        winner = _correct(sweep, configurations, splits, winner)
    results = [cell.result for cell in sweep.cells if cell.result is not None]
    return SweepReport(
        name=sweep.name, task=info.task, classes=data.classes, metric=info.metric, data_hash=info.data_hash,
        splits_hash=info.splits_hash, table_hash=sweep.table_hash, leaking=splits.verdict == LEAKING,
        has_test_split=_has_test_split(data, splits), axes=info.axes, search=info.search,
        finished=info.closed and all(cell.state in FINISHED for cell in sweep.cells), rows=rows,
        configurations=configurations, levels=[] if info.search else _score_levels(sweep, rows, predictions),
        baseline=next((result.baseline for result in results if result.baseline is not None), None),
        winner=winner, importance=_measure_importance(sweep),
    )  # fmt: skip


def _correct(
    sweep: Sweep, configurations: Sequence[Configuration], splits: SplitFile, winner: Winner
) -> Winner:
    """The winner with the correction of its score for the choice among all epochs of all cells."""
    numbers: dict[str, int] = {}  # id of a cell -> its configuration; equal cells count once
    for number, configuration in enumerate(configurations):
        for place in configuration.rows:
            if sweep.cells[place].result is not None:
                numbers.setdefault(sweep.cells[place].id, number)
    runs = [sweep.cell(cell).run for cell in numbers]
    components = np.array([assignment.component for assignment in splits.images])
    corrected = correct_winner(runs, list(numbers.values()), components)
    if corrected is None:
        return winner.model_copy(update={"uncorrected": len(runs)})
    score = corrected.score
    if (
        configurations[winner.configuration].score.low is None
    ):  # too few groups of a class for the winner's own
        score = score.model_copy(update={"corrected": Estimate(value=score.corrected.value)})
    return winner.model_copy(update={"selection": score, "uncorrected": len(corrected.left_out)})


def _measure_importance(sweep: Sweep) -> Importance | None:
    """Of a search or a halving; None for a grid, whose values are compared one by one."""
    if not {"sampler", "halving"} & set(sweep.info.search):
        return None
    return measure_importance(read_axes(sweep), read_scores(sweep))


def _has_test_split(data: Dataset, splits: SplitFile) -> bool:
    targets = data.images["target"]
    return any(
        a.split == TEST and target is not None for a, target in zip(splits.images, targets, strict=True)
    )


def _read_predictions(sweep: Sweep, data: Dataset) -> Predictions:
    """The validation predictions of all cells that have some; equal cells share theirs."""
    runs: dict[str, Run] = {
        cell.id: cell.run for cell in sweep.cells if cell.result is not None and cell.result.predictions
    }
    if not runs:
        return Predictions()
    table = read_outcomes(list(runs.values()), data, OUTCOME_SCORERS[sweep.info.task])
    return Predictions(table, {cell: number for number, cell in enumerate(runs)}) if table else Predictions()


def _describe_winner(configurations: Sequence[Configuration], rows: Sequence[SweepRow]) -> Winner:
    """The first configuration; of its seeds the first one that did not collapse, for the best would be chosen again."""
    own = [place for place in configurations[0].rows if rows[place].state == "completed"]
    return Winner(
        configuration=0, row=own[0], smaller=find_smaller(configurations), faster=find_faster(configurations)
    )


def _score_levels(sweep: Sweep, rows: Sequence[SweepRow], predictions: Predictions) -> list[LevelScore]:
    """The mean score of the cells that share a value of a setting, of each setting of a grid of three or more."""
    axes = [axis for axis in sweep.info.axes if axis.name not in REPEATING and len(axis.values) > 1]
    if len(axes) < _LEAST_AXES or predictions.table is None:
        return []
    levels = []
    for axis in axes:
        for value in axis.values:
            columns = [
                predictions.column[row.cell] for row in rows
                if axis.name in row.settings and row.settings[axis.name] == value and row.cell in predictions.column
            ]  # fmt: skip
            score = predictions.table.score(columns) if columns else None
            own = [row.metrics[sweep.info.metric] for row in rows if row.cell in predictions.column]
            known = score is not None and all(estimate.low is not None for estimate in own)
            ends = predictions.table.interval(columns) if known else None
            low, high = ends or (None, None)
            levels.append(LevelScore(
                setting=axis.name, value=value, score=Estimate(value=score, low=low, high=high), cells=len(columns),
            ))  # fmt: skip
    return levels
