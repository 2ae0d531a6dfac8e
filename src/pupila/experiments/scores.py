"""What a sweep scored for each of its configurations, as the importance of the settings reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.sweep.folder import Sweep
from pupila.experiments.configurations import COLLAPSED
from pupila.experiments.space import Axis, configuration_key, read_axis


@dataclass(frozen=True, slots=True)
class ScoredSettings:
    """A configuration that was trained: what varies without seeds, and the mean of its scores."""

    settings: Mapping[str, Any]
    score: float
    is_collapsed: bool = False
    trial: int | None = None


def read_axes(sweep: Sweep) -> list[Axis]:
    """What varied in a sweep, without seeds."""
    return [read_axis(axis) for axis in sweep.info.axes if axis.name != "seed"]


def read_scores(sweep: Sweep) -> list[ScoredSettings]:
    """The configurations of a sweep that have a score, in order.

    Of a halving they are those of the first rung, which alone has all configurations, with equal epochs.
    """
    names = {axis.name for axis in sweep.info.axes if axis.name != "seed"}
    cells: dict[str, list[ScoredSettings]] = {}
    for cell in sweep.cells:
        result = cell.result
        if cell.entry.rung not in (None, 0) or result is None or result.score is None:
            continue
        settings = {name: value for name, value in cell.entry.configuration.items() if name in names}
        row = ScoredSettings(settings, result.score, result.state == COLLAPSED, cell.entry.trial)
        cells.setdefault(configuration_key(settings), []).append(row)
    return [_average(rows) for rows in cells.values()]


def _average(rows: Sequence[ScoredSettings]) -> ScoredSettings:
    score = sum(row.score for row in rows) / len(rows)
    return ScoredSettings(rows[0].settings, score, any(row.is_collapsed for row in rows), rows[0].trial)
