"""Sentences of an evaluation: the split and why, the tuned threshold, calibration, and the verdict words."""

from typing import Any

import pytest

from pupila.core.messages import say
from pupila.stages.evaluate.classify import page, sentences
from pupila.stages.evaluate.evaluator import OUT_OF_FOLD
from pupila.stages.evaluate.sentences import describe_split
from pupila.stages.evaluate.verdicts import comparison_sentence, verdict_words
from pupila.statistics.tests import BETTER, EQUIVALENT, NOT_DISTINGUISHABLE, WORSE, verdict

RECALL = {"value": 0.9, "low": 0.7, "high": 0.97}


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
    evaluation: Any = {"split": split, "validation_based": validation_based}
    assert describe_split(evaluation, requested).startswith(says)


@pytest.mark.parametrize(
    ("false_negatives", "says"),
    [
        ([2, 2], "errors are unchanged (false negatives: 2, false positives: 3)."),
        ([2, 0], "false negatives change from 2 to 0 and false positives from 3 to 3."),
    ],
)
def test_a_tuned_threshold_says_whether_errors_change(false_negatives: list[int], says: str) -> None:
    threshold = {
        "threshold": 0.531, "positive": "no", "objective": "f1", "false_negatives": false_negatives,
        "false_positives": [3, 3], "recall": [RECALL, RECALL],
    }  # fmt: skip
    change, recall = sentences._threshold(threshold)
    assert change == f"With a decision threshold of 0.53 for class 'no' (tuned on validation for F1), {says}"
    assert recall == "Recall of 'no' at this threshold: 0.900 (95 % CI 0.700 to 0.970)."


@pytest.mark.parametrize(("after", "texts"), [(0.05, []), (0.2, ["Temperature scaling did not help."])])
def test_the_page_says_where_temperature_scaling_made_calibration_worse(
    after: float, texts: list[str]
) -> None:
    errors = {
        name: {"value": value, "low": None, "high": None}
        for name, value in (("before", 0.1), ("after", after))
    }
    model = {"calibration": {**errors, "bins": [(0.5, 0.5, 3)]}, "risk_coverage": [(0.5, 0.1), (1.0, 0.2)]}
    section = page._calibration(model)
    assert section.sentences == texts
    assert [row[0] for row in section.tables[0].rows] == [
        "expected calibration error before temperature scaling",
        "expected calibration error after temperature scaling",
    ]


def test_every_verdict_has_a_word_and_a_sentence_with_and_without_prompts() -> None:
    intervals = (((0.03, 0.09), 0.01), ((-0.09, -0.03), 0.01), ((-0.01, 0.01), 1.0), ((-0.1, 0.1), 1.0))
    verdicts = {verdict(interval, p_value) for interval, p_value in intervals}
    assert verdicts == set(verdict_words()) == {BETTER, WORSE, EQUIVALENT, NOT_DISTINGUISHABLE}
    evaluation: Any = {"models": [{"name": "ours"}]}
    for word in verdicts:
        row: Any = {
            "name": "theirs", "margin": 0.02, "verdict": word, "primary_metric": "mean_iou",
            "images_to_settle": None, "metrics": {"mean_iou": {"low": 0.0}},
        }  # fmt: skip
        alone = comparison_sentence(row, evaluation, lambda *_: say("Evidence."))
        assert alone.startswith("ours ") and word in alone and alone.endswith(". Evidence.")
        prompted = comparison_sentence(row, evaluation, lambda *_: say("Evidence."), "box prompts")
        assert prompted == f"With box prompts, {alone}"
