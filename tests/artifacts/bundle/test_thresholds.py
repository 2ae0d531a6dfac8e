"""The thresholds of a bundle in sentences: which were tuned, and which classes share one."""

from typing import Any

from pupila.artifacts.bundle.card import render_card
from pupila.artifacts.bundle.thresholds import describe_thresholds
from pupila.tasks.task import PostProcessing
from tests.colours import info


def sentences(**values: Any) -> list[str]:
    return describe_thresholds(info(task="multilabel", post_processing=PostProcessing(**values)))


def test_without_a_tuned_threshold_there_is_no_sentence() -> None:
    assert sentences() == []


def test_the_threshold_of_two_classes_is_named_with_its_objective() -> None:
    tuned = {"positive": "red", "objective": "recall>=0.95"}
    assert sentences(threshold=0.3, **tuned) == [
        "Decision threshold 0.30 for class 'red', tuned on validation for recall>=0.95."
    ]
    (unreached,) = sentences(**tuned)
    assert unreached.startswith("No threshold reaches recall>=0.95 on validation")


def test_classes_with_a_threshold_of_their_own_stand_before_those_that_share_one() -> None:
    values = {"objective": "f1", "thresholds": (0.4, 0.55, 0.55)}
    own, shared = sentences(shared_threshold=("green", "blue"), **values)
    assert own == "Decision thresholds, tuned on validation for F1 of each class: red 0.40."
    assert shared == (
        "Shared decision threshold 0.55 for green, blue: fewer than 20 positive validation images are too few for a "
        "threshold of their own."
    )
    assert sentences(**values)[0].endswith("red 0.40, green 0.55, blue 0.55.")
    (alone,) = sentences(
        shared_threshold=("red", "green", "blue"), **{**values, "thresholds": (0.5, 0.5, 0.5)}
    )
    assert alone.startswith("Shared decision threshold 0.50 for red, green, blue")


def test_the_card_names_them() -> None:
    post_processing = PostProcessing(objective="f1", thresholds=(0.1, 0.2, 0.3))
    card = render_card(info(task="multilabel", post_processing=post_processing))
    assert "Predicts which of 3 classes are present: red, green, blue." in card
    assert "red 0.10, green 0.20, blue 0.30." in card
    assert "threshold" not in render_card(info(task="multilabel"))
