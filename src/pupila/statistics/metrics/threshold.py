"""The decision threshold of a binary task, tuned on validation for an objective of the user."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say

Array = NDArray[Any]

_SHARE = r"(recall|precision)>=(0?\.\d+|1(?:\.0*)?)"
_COST = r"cost:fn=(\d+\.?\d*),fp=(\d+\.?\d*)"
_FORMS = ("f1", _SHARE, _COST)


def tune_threshold(objective: str, scores: Array, targets: Array) -> float:
    """The probability from which the positive class is predicted.

    Args:
        objective: `f1`; `recall>=0.95` (of those the best precision); `precision>=0.9` (of those the best recall);
            or `cost:fn=10,fp=1` (the least cost of misses and false alarms).
        scores: (N,) probability of the positive class.
        targets: (N,) bool.

    Returns:
        A threshold halfway between two scores, or beyond them all.

    Raises:
        PupilaError: an unknown objective, or one that no threshold reaches.
    """
    order = np.sort(np.unique(scores))
    # Never predicting it is an option, too, even where a score is 1.
    above = (order[-1] + 1) / 2 if order[-1] < 1 else np.nextafter(1.0, 2.0)
    thresholds = np.concatenate([[order[0] / 2], (order[1:] + order[:-1]) / 2, [above]])
    of_class, of_others = np.sort(scores[targets]), np.sort(scores[~targets])
    hits = len(of_class) - np.searchsorted(of_class, thresholds)
    alarms = len(of_others) - np.searchsorted(of_others, thresholds)
    misses = len(of_class) - hits
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits + alarms > 0, hits / (hits + alarms), 0.0)
        recall = hits / max(int(targets.sum()), 1)
        f1 = np.where(hits > 0, 2 * hits / (2 * hits + alarms + misses), 0.0)
    value, reached = _objective_values(
        objective, {"f1": f1, "precision": precision, "recall": recall}, misses, alarms
    )
    if not reached.any():
        raise PupilaError(
            say("No threshold reaches {objective} on validation", objective=objective),
            actual=say("at best precision {precision} and recall {recall}",
                       precision=number(precision.max(), 2), recall=number(recall.max(), 2)),
            expected=say("an objective that this model can reach"), remedy="--threshold f1",
        )  # fmt: skip
    best = np.flatnonzero(reached & (value == value[reached].max()))
    return float(thresholds[best[len(best) // 2]])


def rarer_class(targets: Array) -> int:
    """The number of the rarer of two classes: the positive class unless the objective names another."""
    return int(np.bincount(targets, minlength=2).argmin())


def parse_objective(objective: str, classes: list[str]) -> tuple[int | None, str]:
    """The class that an objective such as `warned:recall>=0.95` names, and the objective without it.

    Args:
        objective: one of `tune`, with `CLASS:` before it or not.
        classes: two names.

    Returns:
        The class's number, or None where none is named; and the objective of `tune`.

    Raises:
        PupilaError: an unknown objective or class.
    """
    match = re.fullmatch(rf"(?:(.+):)?({'|'.join(_FORMS)})", objective)
    if match is None:
        raise _bad(objective)
    if match[1] is None:
        return None, match[2]
    if match[1] not in classes:
        raise PupilaError(say("Unknown class"), actual=match[1], expected=listing(classes))
    return classes.index(match[1]), match[2]


def _objective_values(
    objective: str, shares: dict[str, Array], misses: Array, alarms: Array
) -> tuple[Array, Array]:
    """The values to maximise, one per threshold, and where the objective's condition holds."""
    everywhere = np.ones(len(misses), dtype=bool)
    if objective == "f1":
        return shares["f1"], everywhere
    if match := re.fullmatch(_SHARE, objective):
        name, least = match[1], float(match[2])
        other = "precision" if name == "recall" else "recall"
        return shares[other], shares[name] >= least
    if match := re.fullmatch(_COST, objective):
        return -(float(match[1]) * misses + float(match[2]) * alarms), everywhere
    raise _bad(objective)


def _bad(objective: str) -> PupilaError:
    return PupilaError(
        say("Unknown threshold objective"), actual=objective,
        expected="f1, recall>=0.95, precision>=0.9, cost:fn=10,fp=1, or CLASS:recall>=0.95",
    )  # fmt: skip
