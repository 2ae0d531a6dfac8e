"""Configurations to train, and their scores: one configuration is a cell for each seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pupila.artifacts.sweep.definition import Share

COMPLETED, COLLAPSED, FAILED, PENDING = "completed", "collapsed", "failed", "pending"


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell to train, and where in a search it comes from."""

    settings: Mapping[str, Any]  # what varies, the seed and the epochs of a rung included
    trial: int | None = None
    rung: int | None = None
    share: Share | None = None  # of a learning curve


@dataclass(frozen=True, slots=True)
class CellScore:
    """How a cell ended."""

    state: str  # completed, collapsed, failed; pending: not trained yet, as the budget is used up
    score: float | None = None  # the validation metric that chooses; None where the cell failed or is pending


# Trains cells, in any order and side by side; the scores come back in the order of the entries. Equal cells run once.
RunCells = Callable[[Sequence[Entry]], Sequence[CellScore]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What varies, without seeds, and where in a search it comes from."""

    settings: Mapping[str, Any]
    trial: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A configuration with its score: the mean over its seeds."""

    configuration: Configuration
    state: str  # failed where a cell of it failed, else pending, else collapsed where one of them collapsed
    score: float | None
    rung: int | None = None  # at which it ended; None without halving


def run_configurations(
    configurations: Sequence[Configuration],
    run: RunCells,
    seeds: Sequence[int] = (),
    rung: int | None = None,
    extra: Callable[[Configuration], Mapping[str, Any]] = lambda configuration: {},
) -> list[Scored]:
    """Train each configuration, with each seed, and average the scores.

    Args:
        configurations: to train.
        run: trains cells.
        seeds: where the seed is an axis.
        rung: of a halving.
        extra: further settings of a configuration, such as the epochs of the rung.
    """
    draws: list[dict[str, Any]] = [{"seed": seed} for seed in seeds] or [{}]
    entries = [
        Entry({**configuration.settings, **extra(configuration), **draw}, configuration.trial, rung)
        for configuration in configurations
        for draw in draws
    ]
    scores = list(run(entries))
    parts = [scores[place : place + len(draws)] for place in range(0, len(scores), len(draws))]
    return [
        Scored(configuration, *_average(cells), rung)
        for configuration, cells in zip(configurations, parts, strict=True)
    ]


def _average(cells: Sequence[CellScore]) -> tuple[str, float | None]:
    """State and score of a configuration, from those of its cells."""
    states = {cell.state for cell in cells}
    for state in (FAILED, PENDING):
        if state in states:
            return state, None
    scores = [cell.score for cell in cells if cell.score is not None]
    if len(scores) < len(cells):  # a metric that is not defined on this validation split
        return FAILED, None
    return (COLLAPSED if COLLAPSED in states else COMPLETED), sum(scores) / len(scores)
