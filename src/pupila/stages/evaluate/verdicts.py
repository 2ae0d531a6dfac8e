"""From p-values and confidence intervals of differences to verdicts, the same for every task."""

from collections.abc import Callable

import numpy as np

from pupila.core.messages import listing, number, say
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD, Comparison, Evaluation
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.tests import MARGIN, holm, verdict

Evidence = Callable[[Comparison, Evaluation], str]  # the sentence that gives the difference and the test


def add_verdicts(rows: list[Comparison]) -> list[Comparison]:
    """The comparisons with Holm-corrected p-values and verdicts, which `primary_metric` decides."""
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        interval = row["metrics"][row["primary_metric"]]
        known = interval["low"] is not None
        row["p_holm"], row["margin"] = p, MARGIN
        row["verdict"] = verdict((interval["low"], interval["high"]), p) if known else "not distinguishable"
    return rows


def few_groups_warning(e: Evaluation, classes: list[str]) -> str:
    """That there are too few groups for a confidence interval, in these classes or at all (none), and the remedy."""
    if not classes and e["split"] == OUT_OF_FOLD:
        return say("Too few groups for confidence intervals: add images.")
    if not classes:
        return say(
            "Too few groups for confidence intervals: add images, or use folds "
            "(pupila split DATA --folds 5 --replace)."
        )
    if e["split"] == OUT_OF_FOLD:
        return say("Too few groups for confidence intervals in {names}: add images.", names=listing(classes))
    return say(
        "Too few groups for confidence intervals in {names}: add images, or use folds "
        "(pupila split DATA --folds 5 --replace).", names=listing(classes),
    )  # fmt: skip


def widen_interval(low: float, high: float, groups: Array) -> tuple[float, float]:
    """The ends of a difference; where no resample differs, Wilson's limit for 0 of the groups on either side."""
    still = 0.0 if low < high else wilson_interval(0, len(np.unique(groups)))[1]
    return max(-1.0, low - still), min(1.0, high + still)


def verdict_words() -> dict[str, str]:
    """The verdicts as words of the user's language."""
    return {
        "better": say("better"), "worse": say("worse"), "equivalent": say("equivalent"),
        "not distinguishable": say("not distinguishable"),
    }  # fmt: skip


def comparison_sentences(e: Evaluation, evidence: Evidence) -> list[str]:
    """The sentences on each comparison."""
    return [comparison_sentence(row, e, evidence, _verdict_sentence(row, e)) for row in e["comparisons"]]


def comparison_sentence(row: Comparison, e: Evaluation, evidence: Evidence, verdict_sentence: str) -> str:
    """The verdict, the difference with its test, and what a missing verdict would take."""
    texts = [verdict_sentence, evidence(row, e)]
    if row["metrics"][row["primary_metric"]]["low"] is None:
        texts.append(say("There are too few groups for a verdict."))
    elif row["verdict"] == "not distinguishable" and row["images_to_settle"]:
        texts.append(say("About {n} images would be needed for a verdict.", n=row["images_to_settle"]))
    return " ".join(texts)


def _verdict_sentence(row: Comparison, e: Evaluation) -> str:
    name, other = e["models"][0]["name"], row["name"]
    texts = {
        "better": say("{name} is significantly better than {other}.", name=name, other=other),
        "worse": say("{name} is significantly worse than {other}.", name=name, other=other),
        "equivalent": say(
            "{name} and {other} are equivalent within {margin} percentage points.",
            name=name, other=other, margin=number(100 * row["margin"], 0),
        ),
        "not distinguishable": say("{name} and {other} are not distinguishable.", name=name, other=other),
    }  # fmt: skip
    return texts[row["verdict"]]
