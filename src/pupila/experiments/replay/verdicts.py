"""What the counts of a table allow to say of each row against the best one, and of the choice itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say
from pupila.experiments.replay.table import METRICS, ReplayRow, TestSet
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.pairings import (
    PairingVerdict,
    pairing_p_values,
    pairing_verdict,
    simulate_choice,
)
from pupila.statistics.tests import holm


@dataclass(frozen=True, slots=True)
class RowComparison:
    """A row against the best one."""

    row: ReplayRow
    smallest: float  # Holm-corrected p-values, of the pairings that the counts allow
    largest: float
    verdict: PairingVerdict


@dataclass(frozen=True, slots=True)
class Replay:
    """A table of results, read again."""

    test_set: TestSet
    metric: str  # that ranks the rows
    rows: list[ReplayRow]
    best: ReplayRow
    chosen: ReplayRow | None
    comparisons: list[RowComparison]  # all other rows, in order
    # Of the best score: expected where the runs differ as they seem to, and where they do not at all.
    optimism: tuple[float, float]

    @property
    def collapsed(self) -> int:
        """Rows without a positive."""
        return sum(row.collapsed for row in self.rows)

    @property
    def ambiguous(self) -> list[ReplayRow]:
        """Rows whose figures, as rounded, fit several counts."""
        return [row for row in self.rows if len(row.right) > 1]

    def accuracy_interval(self, row: ReplayRow) -> tuple[int, float, float]:
        """Right images of a row, the fewest that its figures allow, and the 95 % interval of their share."""
        right = min(sum(counts) for counts in row.right)
        return (right, *wilson_interval(right, self.test_set.images))


def compare_rows(rows: Sequence[ReplayRow], test_set: TestSet, chosen: float | None) -> Replay:
    """Compare all rows with the best one, Holm-corrected.

    Args:
        rows: two or more.
        test_set: of all rows.
        chosen: score of the row that was chosen; None: not known.

    Raises:
        PupilaError: there is one row only, or no row has the score of the chosen one.
    """
    if len(rows) < 2:
        raise PupilaError(
            say("There is nothing to compare"), actual=say("one row"), expected=say("two rows or more")
        )
    metric = next(name for name in METRICS if name in rows[0].metrics)
    best = max(rows, key=lambda row: row.metrics[metric])
    others = [row for row in rows if row is not best]
    ends = [_bound(best, row, test_set) for row in others]
    lows, highs = (holm([end[place] for end in ends]) for place in (0, 1))
    comparisons = [
        RowComparison(row, low, high, pairing_verdict(low, high))
        for row, low, high in zip(others, lows, highs, strict=True)
    ]
    return Replay(
        test_set, metric, list(rows), best, _find_chosen(rows, metric, chosen), comparisons,
        _optimism(rows, test_set, metric),
    )  # fmt: skip


def _bound(first: ReplayRow, other: ReplayRow, test_set: TestSet) -> tuple[float, float]:
    """The smallest and the largest p-value, over all counts that the figures allow."""
    values = [
        pairing_p_values(ours, theirs, test_set.classes)
        for ours in {min(first.right), max(first.right), *first.right}
        for theirs in other.right
    ]
    return min(low for low, _ in values), max(high for _, high in values)


def _find_chosen(rows: Sequence[ReplayRow], metric: str, chosen: float | None) -> ReplayRow | None:
    if chosen is None:
        return None
    for row in rows:
        if abs(row.metrics[metric] - chosen) < 1e-9:
            return row
    scores = sorted({row.metrics[metric] for row in rows}, reverse=True)
    raise PupilaError(
        say("No row has the score of the chosen run"), actual=number(chosen),
        expected=listing([f"{score:g}" for score in scores], 8), remedy="--chosen SCORE",
    )  # fmt: skip


def _optimism(rows: Sequence[ReplayRow], test_set: TestSet, metric: str) -> tuple[float, float]:
    """By how much the best score is biased upwards, from tables that are drawn with the counts as true shares.

    Where each row is as good as it seems, the best one stands out, and little is gained by chance; where all rows that
    did not collapse are equally good, all of its lead is chance.
    """
    images = np.array(test_set.classes)
    shares = np.array([np.mean(row.right, axis=0) / images for row in rows if not row.collapsed])
    if not len(shares):
        return 0.0, 0.0
    score = "f1" if metric == "f1" else "accuracy"
    equal = np.broadcast_to(shares.mean(axis=0), shares.shape)
    ends = sorted(simulate_choice(part, images, score) for part in (shares, equal))
    return max(0.0, ends[0]), max(0.0, ends[1])
