"""From p-values and confidence intervals of differences to verdicts, the same for every task."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from pupila.artifacts.report.evaluation.report import Comparison, EvaluationReport, ModelReport
from pupila.core.messages import listing, number, say, say_count
from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import wilson_interval
from pupila.statistics.metrics.titles import LOWER_IS_BETTER
from pupila.statistics.tests import (
    BETTER,
    EQUIVALENT,
    NOT_DISTINGUISHABLE,
    SIGNIFICANT,
    WORSE,
    PairedTest,
    Verdict,
    holm,
    verdict,
)

AnyComparison = TypeVar("AnyComparison", bound=Comparison)


def add_verdicts(rows: list[AnyComparison]) -> list[AnyComparison]:
    """The comparisons with Holm-corrected p-values and verdicts, which `primary_metric` decides."""
    corrected = holm([row.p_value for row in rows])
    return [
        row.model_copy(update={"p_holm": p, "verdict": _decide(row, p)})
        for row, p in zip(rows, corrected, strict=True)
    ]


def _decide(row: Comparison, p_value: float) -> Verdict:
    difference = row.metrics[row.primary_metric]
    lower_is_better = row.primary_metric in LOWER_IS_BETTER
    if (
        difference.low is None or difference.high is None
    ):  # too few groups for an interval; the test is exact with few
        if p_value >= SIGNIFICANT:
            return NOT_DISTINGUISHABLE
        return BETTER if (difference.first > difference.other) is not lower_is_better else WORSE
    if lower_is_better:
        return verdict((-difference.high, -difference.low), p_value)
    return verdict((difference.low, difference.high), p_value)


def few_groups_warning(e: EvaluationReport, classes: list[str]) -> str:
    """That there are too few groups for a confidence interval, in these classes or at all (none), and the remedy."""
    if not classes and e.split == OUT_OF_FOLD:
        return say("Too few groups for confidence intervals: add images.")
    if not classes:
        return say(
            "Too few groups for confidence intervals: add images, or use folds "
            "(pupila split DATA --folds 5 --replace)."
        )
    quoted = listing([f"'{name}'" for name in classes])
    if e.split == OUT_OF_FOLD:
        return say("Too few groups for confidence intervals in {names}: add images.", names=quoted)
    return say(
        "Too few groups for confidence intervals in {names}: add images, or use folds "
        "(pupila split DATA --folds 5 --replace).", names=quoted,
    )  # fmt: skip


def count_pairs(test: PairedTest) -> str:
    """How often the model and how often the baseline scored higher: "18 images won, 0 lost"."""
    return say_count("{n} image won, {lost} lost", "{n} images won, {lost} lost", test.won, lost=test.lost)


def paired_test_words(model: ModelReport) -> str:
    """The test of images that one model has right and another, or a baseline, has wrong: `tests.sign_flip`."""
    return say("exact McNemar test") if model.groups == model.n else say("sign-flip test over groups")


def never_recognised(classes: Mapping[str, tuple[int, Estimate]]) -> list[str]:
    """The sentence on the classes of which no image is recognised; none where there is no such class.

    Args:
        classes: by name: images that show it, and recall.
    """
    lost = [
        say("'{name}' (recall 0 of {n}, too few groups for a confidence interval)", name=name, n=count)
        if recall.low is None
        else say("'{name}' (recall 0 of {n}, 95 % CI {interval})", name=name, n=count, interval=recall.interval_text())
        for name, (count, recall) in classes.items() if recall.value == 0
    ]  # fmt: skip
    return [say("The model never recognises {names}.", names=listing(lost))] if lost else []


def widen_interval(low: float, high: float, groups: Array) -> tuple[float, float]:
    """The ends of a difference; where no resample differs, Wilson's limit for 0 of the groups on either side."""
    still = 0.0 if low < high else wilson_interval(0, len(np.unique(groups)))[1]
    return max(-1.0, low - still), min(1.0, high + still)


def verdict_words() -> dict[str, str]:
    """The verdicts as words of the user's language."""
    return {
        BETTER: say("better"), WORSE: say("worse"), EQUIVALENT: say("equivalent"),
        NOT_DISTINGUISHABLE: say("not distinguishable"),
    }  # fmt: skip


def comparison_sentence(row: Comparison, e: EvaluationReport, evidence: str, prompts: str = "") -> str:
    """The verdict, the difference with its test, and what a missing verdict would take.

    Args:
        row: one comparison.
        e: the evaluation.
        evidence: the sentence on the difference and its test.
        prompts: the prompt strategy that was compared, in the user's language; empty without prompts.
    """
    texts = [_verdict_sentence(row, e, prompts), evidence]
    if row.verdict != NOT_DISTINGUISHABLE:
        return " ".join(texts)
    if row.metrics[row.primary_metric].low is None:
        texts.append(say("There are too few groups for a verdict."))
    elif row.images_to_settle:
        texts.append(
            say_count(
                "About {n} image would be needed for a verdict.",
                "About {n} images would be needed for a verdict.",
                row.images_to_settle,
            )
        )
    return " ".join(texts)


def _verdict_sentence(row: Comparison, e: EvaluationReport, prompts: str) -> str:
    values = {
        "name": e.models[0].name, "other": row.name, "margin": number(100 * row.margin, 0),
        "prompts": prompts,
    }  # fmt: skip
    texts = {
        BETTER: say("{name} is significantly better than {other}.", **values),
        WORSE: say("{name} is significantly worse than {other}.", **values),
        EQUIVALENT: say("{name} and {other} are equivalent within {margin} percentage points.", **values),
        NOT_DISTINGUISHABLE: say("{name} and {other} are not distinguishable.", **values),
    }
    with_prompts = {
        BETTER: say("With {prompts}, {name} is significantly better than {other}.", **values),
        WORSE: say("With {prompts}, {name} is significantly worse than {other}.", **values),
        EQUIVALENT: say(
            "With {prompts}, {name} and {other} are equivalent within {margin} percentage points.", **values
        ),
        NOT_DISTINGUISHABLE: say("With {prompts}, {name} and {other} are not distinguishable.", **values),
    }
    return (with_prompts if prompts else texts)[row.verdict]
