"""Judging a classifier: every metric with n, groups and a 95 % interval, beside the majority baseline."""

from typing import Any

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.stages.evaluate.classify.predictions import ClassAnswers
from pupila.stages.evaluate.evaluator import Judged
from pupila.statistics.intervals import FEW_GROUPS, bootstrap
from pupila.statistics.metrics.calibration import calibration_error, reliability
from pupila.statistics.metrics.classify import confusion, majority, risk_coverage, roc_auc
from pupila.statistics.metrics.estimates import Valued, overall, per_class, valued
from pupila.statistics.metrics.threshold import positive_of, rarer, tune

MISTAKES = 12  # shown, the surest first
_REPEATS = 400  # of the bootstraps that go image by image
_CURVE = 25  # points of the abstention curve


def judge(answers: ClassAnswers, truth: Array, groups: Array, classes: list[str]) -> Judged:
    """What the report says of a classifier.

    Args:
        answers: N.
        truth: (N,) class numbers.
        groups: (N,) group numbers.
        classes: names.
    """
    most, always = majority(truth, len(classes))
    right = answers.answers == truth
    found: Judged = {
        "right": int(right.sum()),
        "metrics": overall(truth, answers.answers, groups, len(classes)),
        "baseline": {"class": classes[most], **always},
        "classes": per_class(truth, answers.answers, groups, classes),
        "confusion": confusion(truth, answers.answers, len(classes)).tolist(),
        "mistakes": [],
    }
    if answers.probabilities is None:
        return found
    sure = answers.probabilities[np.arange(len(truth)), answers.answers]
    found["auc"] = _auc(answers.probabilities, truth, groups, classes)
    found["calibration"] = {
        **(
            {}
            if answers.raw is None
            else {"before": _resampled(groups, lambda drawn: _error(answers.raw, truth, drawn))}
        ),
        "after": _resampled(groups, lambda drawn: _error(answers.probabilities, truth, drawn)),
        "bins": reliability(answers.probabilities.max(axis=1), answers.probabilities.argmax(axis=1) == truth),
    }
    coverage, risk = risk_coverage(sure, right)
    points = np.unique(np.linspace(0, len(truth) - 1, _CURVE).astype(int))
    found["abstention"] = [[float(coverage[i]), float(risk[i])] for i in points]
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    found["mistakes"] = [
        {
            "row": answers.rows[i], "truth": classes[truth[i]], "answer": classes[answers.answers[i]],
            "confidence": float(sure[i]),
        }
        for i in worst
    ]  # fmt: skip
    return found


def _error(probabilities: Array | None, truth: Array, drawn: Array) -> float:
    given = np.asarray(probabilities)[drawn]
    return calibration_error(given.max(axis=1), given.argmax(axis=1) == truth[drawn])


def _auc(probabilities: Array, truth: Array, groups: Array, classes: list[str]) -> dict[str, Valued]:
    """Area under the ROC curve: of two classes that of the second, else of each against the rest."""
    numbers = [1] if len(classes) == 2 else range(len(classes))
    found = {}
    for number in numbers:
        told = _resampled(groups, lambda drawn, k=number: roc_auc(truth[drawn] == k, probabilities[drawn, k]))
        if told["value"] is not None:
            found[classes[number]] = told
    return found


def _resampled(groups: Array, metric: Any) -> Valued:
    """A metric (0..1) of drawn images; bootstrap over groups, or Wilson's interval where no draw differs."""
    value, told = metric(np.arange(len(groups))), len(set(groups.tolist()))
    if value is None or told < FEW_GROUPS:
        return {"value": value, "low": None, "high": None}

    def statistic(times: Array) -> Array:
        drawn = (metric(np.repeat(np.arange(len(groups)), row)) for row in times)
        return np.array([value if one is None else one for one in drawn])

    # Drawing with repetition makes a calibration error larger: the interval is stretched to what was measured.
    return valued(value, *bootstrap(groups, statistic, repeats=_REPEATS), told)


def tuned(
    wanted: str,
    classes: list[str],
    validation: tuple[ClassAnswers, Array],
    judged: tuple[ClassAnswers, Array, Array],
) -> Judged:
    """What a threshold that was tuned on validation buys on the images that are judged, beside the answers as they are.

    Args:
        wanted: see `metrics.threshold.positive_of`; of the rarer class on validation unless it names another.
        classes: two.
        validation: answers and truth.
        judged: answers, truth and groups.
    """
    known, known_truth = validation
    asked, truth, groups = judged
    named, objective = positive_of(wanted, classes)
    positive = rarer(known_truth) if named is None else named
    threshold = tune(objective, np.asarray(known.probabilities)[:, positive], known_truth == positive)
    answers = np.where(np.asarray(asked.probabilities)[:, positive] >= threshold, positive, 1 - positive)
    both = (asked.answers, answers)
    plain, moved = (confusion(truth, a, 2) for a in both)
    tables = [per_class(truth, a, groups, classes)[classes[positive]] for a in both]
    return {
        "objective": objective, "positive": classes[positive], "threshold": threshold,
        "missed": [int(m[positive, 1 - positive]) for m in (plain, moved)],
        "false_alarms": [int(m[1 - positive, positive]) for m in (plain, moved)],
        **{name: [table[name] for table in tables] for name in ("recall", "precision")},
    }  # fmt: skip
