"""From tests and intervals of differences to verdicts in a word, the same for every task."""

import numpy as np

from pupila.evaluate.story import OUT_OF_FOLD, Compared, Evaluation
from pupila.images.decode import Array
from pupila.messages import listing, say
from pupila.stats import MARGIN, holm, verdict, wilson_interval


def decided(rows: list[Compared]) -> list[Compared]:
    """The comparisons with their adjusted p-values and verdicts, which the metric `by` decides."""
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        interval = row["metrics"][row["by"]]
        known = interval["low"] is not None
        row["p_holm"], row["margin"] = p, MARGIN
        row["verdict"] = verdict((interval["low"], interval["high"]), p) if known else "not distinguishable"
    return rows


def few_groups_remedy(e: Evaluation) -> str:
    """What would give an interval, in short."""
    return say("more images would give one") if e["split"] == OUT_OF_FOLD else say("use folds")


def too_few_groups(e: Evaluation, classes: list[str]) -> str:
    """That classes have too few groups for an interval, and what would tell more."""
    if e["split"] == OUT_OF_FOLD:
        return say(
            "Too few groups for an interval in {names}: more images would tell more.", names=listing(classes)
        )
    return say(
        "Too few groups for an interval in {names}: more images, or folds (pupila split DATA --folds 5 --replace), "
        "would tell more.", names=listing(classes),
    )  # fmt: skip


def unsure(low: float, high: float, groups: Array) -> tuple[float, float]:
    """The ends of a difference; where no draw differs, what Wilson allows of none of the groups still may."""
    still = 0.0 if low < high else wilson_interval(0, len(np.unique(groups)))[1]
    return max(-1.0, low - still), min(1.0, high + still)
