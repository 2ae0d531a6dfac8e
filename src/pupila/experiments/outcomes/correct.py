"""The score of the best configuration of many runs, corrected for the choice among all their epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.run.folder import Run
from pupila.artifacts.run.outcomes import Outcomes
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.experiments.outcomes.scorer import OutcomeScorer
from pupila.experiments.outcomes.scorers import OUTCOME_SCORERS
from pupila.statistics.intervals import RESAMPLES, Array
from pupila.statistics.selection import Candidate, Fold, SelectionScore, correct_selection

_LEAST_RESAMPLES = 200
_MOST_NUMBERS = 2e10  # sums, times images, times resamples: about half a minute


@dataclass(frozen=True, slots=True)
class CorrectedWinner:
    """The corrected score of the best of several runs, and the runs that it leaves out."""

    score: SelectionScore
    # Places of runs without outcomes: not trained, without validation, or of an earlier Pupila.
    left_out: list[int]


def correct_winner(
    runs: Sequence[Run], configurations: Sequence[int], components: Array
) -> CorrectedWinner | None:
    """Bootstrap bias correction of the best validation score of many runs; every epoch of every run is a choice.

    Args:
        runs: of one task, on the same data set and split.
        configurations: of each run the number of its configuration; runs that differ by the seed alone share one, and
            the mean of their scores decides.
        components: (N,) group number of every row of the data set, as `splits.json` has it.

    Returns:
        None where no run has outcomes.

    Raises:
        PupilaError: a file of outcomes is damaged.
    """
    parts = [run.outcomes for run in runs]
    scored = [number for number, own in enumerate(parts) if own]
    if not scored:
        return None
    plan = runs[scored[0]].plan
    scorer, classes = OUTCOME_SCORERS[plan.task], len(plan.classes)
    rows = np.unique(np.concatenate([own.rows for number in scored for own in parts[number].values()]))
    candidates = [
        Candidate(_make_folds(parts[number], rows, scorer, classes), configurations[number])
        for number in scored
    ]
    repeats = _affordable_resamples(candidates, len(rows))
    with progress(say("resamples of the choice"), repeats) as advance:
        score = correct_selection(
            candidates, scorer.score, components[rows], repeats=repeats, advance=advance
        )
    return CorrectedWinner(score, [number for number, own in enumerate(parts) if not own])


def _make_folds(parts: dict[str, Outcomes], rows: Array, scorer: OutcomeScorer, classes: int) -> list[Fold]:
    """A fold for each validation split of a run, with the epochs of its phases in their order."""
    folds: dict[str, Outcomes] = {}
    for part, own in parts.items():
        fold = part.rpartition("-")[0]  # "fold0" of "fold0-head"; empty without folds
        folds[fold] = folds[fold].then(own) if fold in folds else own
    return [
        Fold(np.searchsorted(rows, own.rows), scorer.totals(own, classes), len(own.values), scorer.sums(classes))
        for own in folds.values()
    ]  # fmt: skip


def _affordable_resamples(candidates: Sequence[Candidate], images: int) -> int:
    """2,000, or fewer where that would take minutes; a rule of sizes, so that it is the same on every machine."""
    numbers = sum(fold.epochs * fold.sums for candidate in candidates for fold in candidate.folds) * images
    return int(np.clip(_MOST_NUMBERS / max(numbers, 1), _LEAST_RESAMPLES, RESAMPLES))
