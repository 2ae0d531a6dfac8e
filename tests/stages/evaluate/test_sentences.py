"""Sentences of an evaluation: the split and why, the tuned threshold, calibration, and the verdict words."""

import pytest

from pupila.artifacts.report.evaluation.classify import Calibration, ThresholdEffect, ThresholdReport
from pupila.artifacts.report.evaluation.report import Comparison, ModelReport
from pupila.core.messages import say
from pupila.stages.evaluate.calibration import calibration_section
from pupila.stages.evaluate.classify import sentences
from pupila.stages.evaluate.classify.page import calibration_words
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.stages.evaluate.sentences import describe_split
from pupila.stages.evaluate.verdicts import comparison_sentence, verdict_words
from pupila.statistics.estimate import Difference, Estimate
from pupila.statistics.tests import BETTER, EQUIVALENT, NOT_DISTINGUISHABLE, WORSE, verdict
from tests.stages.evaluate.reports import head

RECALL = Estimate(value=0.9, low=0.7, high=0.97)


@pytest.mark.parametrize(
    ("split", "validation_based", "requested", "says"),
    [
        (
            "validation",
            True,
            False,
            "Evaluated on validation: a run is compared on its validation predictions.",
        ),
        (OUT_OF_FOLD, True, False, "Evaluated on all folds: a run with folds"),
        ("test", False, False, "Evaluated on the sealed test split: the default for bundles,"),
        ("train", False, True, "Evaluated on train, the split that was requested."),
    ],
)
def test_the_first_line_says_which_split_was_evaluated_and_why(
    split: str, validation_based: bool, requested: bool, says: str
) -> None:
    evaluation = head(split).model_copy(update={"validation_based": validation_based})
    assert describe_split(evaluation, requested).startswith(says)


@pytest.mark.parametrize(
    ("false_negatives", "says"),
    [
        ([2, 2], "errors are unchanged (false negatives: 2, false positives: 3)."),
        ([2, 0], "false negatives change from 2 to 0 and false positives from 3 to 3."),
    ],
)
def test_a_tuned_threshold_says_whether_errors_change(false_negatives: list[int], says: str) -> None:
    without, with_threshold = (
        ThresholdEffect(false_negatives=n, false_positives=3, recall=RECALL, precision=RECALL)
        for n in false_negatives
    )
    change, recall = sentences._threshold(
        ThresholdReport(
            threshold=0.531,
            positive="no",
            objective="f1",
            without_threshold=without,
            with_threshold=with_threshold,
        )
    )
    assert change == f"With a decision threshold of 0.53 for class 'no' (tuned on validation for F1), {says}"
    assert recall == "Recall of 'no' at this threshold: 0.900 (95 % CI 0.700 to 0.970)."


@pytest.mark.parametrize(("after", "texts"), [(0.05, []), (0.2, ["Temperature scaling did not help."])])
def test_the_page_says_where_temperature_scaling_made_calibration_worse(
    after: float, texts: list[str]
) -> None:
    calibration = Calibration(before=Estimate(value=0.1), after=Estimate(value=after), bins=[(0.5, 0.5, 3)])
    (section,) = calibration_section(calibration, [(0.5, 0.1), (1.0, 0.2)], calibration_words())
    assert section.sentences == texts
    assert [row[0] for row in section.tables[0].rows] == [
        "expected calibration error before temperature scaling",
        "expected calibration error after temperature scaling",
    ]


def test_every_verdict_has_a_word_and_a_sentence_with_and_without_prompts() -> None:
    intervals = (((0.03, 0.09), 0.01), ((-0.09, -0.03), 0.01), ((-0.01, 0.01), 1.0), ((-0.1, 0.1), 1.0))
    verdicts = {verdict(interval, p_value) for interval, p_value in intervals}
    assert verdicts == set(verdict_words()) == {BETTER, WORSE, EQUIVALENT, NOT_DISTINGUISHABLE}
    ours = ModelReport(name="ours", version="", n=9, groups=9, seen_in_training=0)
    evaluation = head("test").model_copy(update={"models": [ours]})
    difference = Difference(first=0.5, other=0.4, change=0.25, low=0.0, high=0.2)
    for word in verdicts:
        row = Comparison(
            name="theirs", version="", n=9, metrics={"mean_iou": difference}, primary_metric="mean_iou", p_value=1.0,
            verdict=word, images_to_settle=None,
        )  # fmt: skip
        alone = comparison_sentence(row, evaluation, say("Evidence."))
        assert alone.startswith("ours ") and word in alone and alone.endswith(". Evidence.")
        prompted = comparison_sentence(row, evaluation, say("Evidence."), "box prompts")
        assert prompted == f"With box prompts, {alone}"
