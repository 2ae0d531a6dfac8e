"""The threshold: every objective by hand, the best of all by trying, the unreachable and the misspelt refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupila.core.errors import PupilaError
from pupila.statistics.metrics.threshold import parse_objective, tune_threshold

SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
TARGETS = np.array([False, False, True, False, False, True, True, True])
# From the top: (hits, alarms) are (1, 0) (2, 0) (3, 0) from 0.55, (3, 1) (3, 2), (4, 2) from 0.25, (4, 3) (4, 4).


@pytest.mark.parametrize(
    ("objective", "threshold"),
    [
        ("f1", 0.55),  # 6/7 against 8/10 at 0.25
        ("recall>=0.95", 0.25),  # precision 4/6; below it 4/7
        ("recall>=1", 0.25),
        ("recall>=0.75", 0.55),  # reached exactly, with precision 1
        ("precision>=0.9", 0.55),
        ("precision>=0.66", 0.25),  # 4/6, with recall 1
        ("precision>=1.0", 0.55),
        ("cost:fn=10,fp=1", 0.25),  # 2 false alarms are cheaper than a miss
        ("cost:fn=1,fp=10", 0.55),  # a miss is cheaper than a false alarm
        ("cost:fn=2.5,fp=1", 0.25),  # 2 against 2.5
        ("cost:fn=1.5,fp=1", 0.55),  # 2 against 1.5
    ],
)
def test_every_objective_by_hand(objective: str, threshold: float) -> None:
    assert tune_threshold(objective, SCORES, TARGETS) == pytest.approx(threshold)
    back = np.argsort(-SCORES)
    assert tune_threshold(objective, SCORES[back], TARGETS[back]) == pytest.approx(threshold)


def test_equal_scores_are_never_separated() -> None:
    # 0.5 is shared by a positive and a negative: both or none
    threshold = tune_threshold("f1", np.array([0.5, 0.5, 0.9]), np.array([True, False, True]))
    assert threshold == pytest.approx(0.25)  # 4/5 against 2/3


def test_never_predicting_the_class_is_an_option_even_where_a_score_is_one() -> None:
    # both positives lie below a negative of 1.0: 100 for the alarm or 2 for the misses
    threshold = tune_threshold("cost:fn=1,fp=100", np.array([0.3, 0.4, 1.0]), np.array([True, True, False]))
    assert threshold > 1.0


def test_always_predicting_the_class_is_an_option_even_where_a_score_is_zero() -> None:
    assert tune_threshold("recall>=1", np.array([0.0, 0.7]), np.array([True, False])) == 0.0


def test_an_unreachable_objective_is_refused_with_the_best_values() -> None:
    # the negative lies on top, so precision is 1/2 at best
    with pytest.raises(PupilaError, match=r"precision>=0.9.*best precision 0.50 and recall 1.00"):
        tune_threshold("precision>=0.9", np.array([0.2, 0.9]), np.array([True, False]))


def test_without_a_positive_no_recall_is_reached() -> None:
    with pytest.raises(PupilaError, match="No threshold reaches"):
        tune_threshold("recall>=0.5", np.array([0.2, 0.9]), np.array([False, False]))


BAD = ["", "F1", "f2", "recall", "recall>0.9", "recall>=", "recall>=1.5", "recall>=-0.5", "recall>=95", "f1>=0.9",
       "cost", "cost:fn=1", "cost:fp=1,fn=1", "cost:fn=-1,fp=1", "cost:fn=1,fp=1,tp=1", "precision >= 0.9"]  # fmt: skip


@pytest.mark.parametrize("objective", BAD)
def test_an_unknown_objective_is_refused(objective: str) -> None:
    with pytest.raises(PupilaError, match="Unknown threshold objective"):
        tune_threshold(objective, SCORES, TARGETS)


rows = st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=40)


@given(rows, st.sampled_from(["f1", "cost:fn=3,fp=1", "cost:fn=1,fp=7"]))
def test_no_other_threshold_is_better(given: list[tuple[int, bool]], objective: str) -> None:
    scores, targets = np.array([s / 10 for s, _ in given]), np.array([t for _, t in given])

    def value(threshold: float) -> float:
        predictions = scores >= threshold
        hits, alarms = int((predictions & targets).sum()), int((predictions & ~targets).sum())
        misses = int(targets.sum()) - hits
        if objective == "f1":
            return 2 * hits / (2 * hits + alarms + misses) if hits else 0.0
        fn, fp = (3, 1) if "fn=3" in objective else (1, 7)
        return -(fn * misses + fp * alarms)

    best = max(value(threshold) for threshold in np.linspace(-0.05, 1.05, 12))
    assert value(tune_threshold(objective, scores, targets)) == pytest.approx(best)


@pytest.mark.parametrize(("text", "expected"), [
    ("f1", (None, "f1")), ("b:f1", (1, "f1")), ("a:recall>=0.95", (0, "recall>=0.95")),
    ("cost:fn=10,fp=1", (None, "cost:fn=10,fp=1")), ("b:cost:fn=10,fp=1", (1, "cost:fn=10,fp=1")),
])  # fmt: skip
def test_an_objective_may_name_its_class(text: str, expected: tuple[int | None, str]) -> None:
    assert parse_objective(text, ["a", "b"]) == expected


def test_an_unknown_class_or_objective_is_refused() -> None:
    with pytest.raises(PupilaError, match="Unknown class: found c; expected a, b"):
        parse_objective("c:f1", ["a", "b"])
    for bad in BAD:
        with pytest.raises(PupilaError, match="Unknown threshold objective"):
            parse_objective(bad, ["a", "b"])
