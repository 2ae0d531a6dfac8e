"""From tests and intervals of differences to verdicts in a word, the same for every task."""

from collections.abc import Callable

import numpy as np

from pupila.core.messages import listing, say
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD, Compared, Evaluation
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.tests import MARGIN, holm, verdict

Evidence = Callable[[Compared], tuple[str, str]]  # what differs, and the test's name with its p-value


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


def verdicts() -> dict[str, str]:
    """The verdicts as words of the user's language."""
    return {
        "better": say("better"), "worse": say("worse"), "equivalent": say("equivalent"),
        "not distinguishable": say("not distinguishable"),
    }  # fmt: skip


def compared(e: Evaluation, evidence: Evidence) -> list[str]:
    """A sentence for each comparison."""
    return [compared_with(row, e, evidence) for row in e["comparisons"]]


def compared_with(row: Compared, e: Evaluation, evidence: Evidence) -> str:
    """Whether the first model is better than the other, and how sure that is."""
    name, other, rivals = e["models"][0]["name"], row["name"], len(e["comparisons"])
    words = {
        "better": say("{name} is better than {other}", name=name, other=other),
        "worse": say("{name} is worse than {other}", name=name, other=other),
        "equivalent": say(
            "{name} and {other} are equivalent within {margin:.0f} points",
            name=name, other=other, margin=100 * row["margin"],
        ),
        "not distinguishable": say("{name} and {other} are not distinguishable", name=name, other=other),
    }  # fmt: skip
    difference, test = evidence(row)
    if rivals > 1:
        test = say("{test}, adjusted by Holm for {n} comparisons", test=test, n=rivals)
    told = say(
        "{words}: {difference} ({test}).", words=words[row["verdict"]], difference=difference, test=test
    )
    if row["metrics"][row["by"]]["low"] is None:
        told += " " + say("There are too few groups for a verdict.")
    elif row["verdict"] == "not distinguishable" and row["images_to_settle"]:
        told += " " + say("About {n} images would settle it.", n=row["images_to_settle"])
    return told
