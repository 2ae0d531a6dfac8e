"""A search without any training: cells are scored by a function of what varies."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pupila.experiments.configurations import CellScore, Entry
from pupila.experiments.parse_space import parse_space
from pupila.experiments.space import Space, configuration_key
from pupila.experiments.study import Trial

Score = Callable[[Mapping[str, Any]], CellScore]


def conditional_space() -> Space:
    """A rate for SGD alone, batch sizes, and an optimizer."""
    return parse_space(
        {"optimizer": ["adam", "sgd"], "batch_size": [8, 16, 32]},
        {"lr": "0.0001..0.1:log", "dropout": "0..0.5:step=0.1"},
        {"lr": {"optimizer": "sgd"}},
    )


def smooth_score(settings: Mapping[str, Any]) -> CellScore:
    """Best at sgd with a rate of 0.01; a trial in five or so fails or collapses, by its batch and dropout."""
    if settings["batch_size"] == 32 and settings["dropout"] > 0.25:
        return CellScore("failed")
    score = 0.5 if settings["optimizer"] == "adam" else 1 - abs(math.log10(settings["lr"]) + 2) / 4
    if settings["dropout"] == 0:
        return CellScore("collapsed", 0.1)
    return CellScore("completed", score - settings["batch_size"] / 1000)


@dataclass
class Runner:
    """Trains cells by calling a function once for each different one; may be killed before a batch."""

    score: Score = smooth_score
    kill_at: int | None = None  # number of the batch
    entries: list[Entry] = field(default_factory=list)
    results: dict[str, CellScore] = field(default_factory=dict)
    batches: int = 0

    def __call__(self, entries: Sequence[Entry]) -> list[CellScore]:
        """The scores of a batch."""
        if self.batches == self.kill_at:
            raise KeyboardInterrupt
        self.batches += 1
        self.entries += entries
        for entry in entries:
            self.results.setdefault(configuration_key(entry.settings), self.score(entry.settings))
        return [self.results[configuration_key(entry.settings)] for entry in entries]


def outcomes(trials: Sequence[Trial]) -> list[tuple[int, dict[str, Any], bool, float | None]]:
    """All that a search has decided."""
    return [(trial.number, trial.configuration, trial.finished, trial.score) for trial in trials]
