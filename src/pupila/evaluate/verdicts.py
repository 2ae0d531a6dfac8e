"""From tests and intervals of differences to verdicts in a word, the same for every task."""

import numpy as np

from pupila.evaluate.story import Compared
from pupila.images.decode import Array
from pupila.stats import MARGIN, holm, verdict, wilson_interval


def decided(rows: list[Compared]) -> list[Compared]:
    """The comparisons with their adjusted p-values and verdicts, which the metric `by` decides."""
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        interval = row["metrics"][row["by"]]
        known = interval["low"] is not None
        row["p_holm"], row["margin"] = p, MARGIN
        row["verdict"] = verdict((interval["low"], interval["high"]), p) if known else "not distinguishable"
    return rows


def unsure(low: float, high: float, groups: Array) -> tuple[float, float]:
    """The ends of a difference; where no draw differs, what Wilson allows of none of the groups still may."""
    still = 0.0 if low < high else wilson_interval(0, len(np.unique(groups)))[1]
    return max(-1.0, low - still), min(1.0, high + still)
