"""The threshold of a binary task: tuned on validation for what the user cares about."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

Array = NDArray[Any]

_SHARE = r"(recall|precision)>=(0?\.\d+|1(?:\.0*)?)"
_COST = r"cost:fn=(\d+\.?\d*),fp=(\d+\.?\d*)"
_FORMS = ("f1", _SHARE, _COST)


def tune(objective: str, scores: Array, truth: Array) -> float:
    """The threshold from which the positive class is answered.

    Args:
        objective: `f1`; `recall>=0.95` (of those the best precision); `precision>=0.9` (of those the best recall);
            or `cost:fn=10,fp=1` (the least cost of misses and false alarms).
        scores: (N,) probability of the positive class.
        truth: (N,) bool.

    Returns:
        A threshold halfway between two scores, or beyond them all.

    Raises:
        PupilaError: an objective of another form, or one that no threshold reaches.
    """
    order = np.sort(np.unique(scores))
    # Never to answer it is a choice, too, also where a score is 1.
    above = (order[-1] + 1) / 2 if order[-1] < 1 else np.nextafter(1.0, 2.0)
    thresholds = np.concatenate([[order[0] / 2], (order[1:] + order[:-1]) / 2, [above]])
    of_class, of_others = np.sort(scores[truth]), np.sort(scores[~truth])
    hits = len(of_class) - np.searchsorted(of_class, thresholds)
    alarms = len(of_others) - np.searchsorted(of_others, thresholds)
    misses = len(of_class) - hits
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits + alarms > 0, hits / (hits + alarms), 0.0)
        recall = hits / max(int(truth.sum()), 1)
        f1 = np.where(hits > 0, 2 * hits / (2 * hits + alarms + misses), 0.0)
    value, reached = _valued(objective, {"f1": f1, "precision": precision, "recall": recall}, misses, alarms)
    if not reached.any():
        raise PupilaError(
            say("No threshold reaches {objective} on validation", objective=objective),
            found=say("at best precision {p:.2f}, recall {r:.2f}", p=precision.max(), r=recall.max()),
            wanted=say("a weaker objective, or a better model"), remedy="--threshold f1",
        )  # fmt: skip
    best = np.flatnonzero(reached & (value == value[reached].max()))
    return float(thresholds[best[len(best) // 2]])


def rarer(truth: Array) -> int:
    """The number of the rarer of two classes, for which a threshold is tuned unless another is named."""
    return int(np.bincount(truth, minlength=2).argmin())


def positive_of(objective: str, classes: list[str]) -> tuple[int | None, str]:
    """The class that an objective such as `warned:recall>=0.95` names, and what is wanted of it.

    Args:
        objective: one of `tune`, with `CLASS:` before it or not.
        classes: two names.

    Returns:
        The class's number, or None where none is named; and the objective of `tune`.

    Raises:
        PupilaError: an objective of another form, or a class that is not there.
    """
    found = re.fullmatch(rf"(?:(.+):)?({'|'.join(_FORMS)})", objective)
    if found is None:
        raise _bad(objective)
    if found[1] is None:
        return None, found[2]
    if found[1] not in classes:
        raise PupilaError(say("No such class"), found=found[1], wanted=listing(classes))
    return classes.index(found[1]), found[2]


def _valued(objective: str, shares: dict[str, Array], misses: Array, alarms: Array) -> tuple[Array, Array]:
    """What is to be as large as possible, and where the objective's condition holds."""
    everywhere = np.ones(len(misses), dtype=bool)
    if objective == "f1":
        return shares["f1"], everywhere
    if found := re.fullmatch(_SHARE, objective):
        name, least = found[1], float(found[2])
        other = "precision" if name == "recall" else "recall"
        return shares[other], shares[name] >= least
    if found := re.fullmatch(_COST, objective):
        return -(float(found[1]) * misses + float(found[2]) * alarms), everywhere
    raise _bad(objective)


def _bad(objective: str) -> PupilaError:
    return PupilaError(
        say("Bad threshold"), found=objective,
        wanted="f1, recall>=0.95, precision>=0.9, cost:fn=10,fp=1, or CLASS:recall>=0.95",
    )  # fmt: skip
