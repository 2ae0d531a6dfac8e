"""Thresholds of masks and of several labels, which training tunes and an evaluation leaves as they are."""

from typing import NoReturn

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.stages.evaluate.evaluator import EvaluationSet
from pupila.stages.evaluate.predictions import Predictions


def refuse_threshold(on: EvaluationSet, predictions: Predictions | None) -> NoReturn:
    """Say that an evaluation tunes no threshold for this task.

    Raises:
        PupilaError: always.
    """
    raise PupilaError(
        say("--threshold applies to one class an image, of two"), actual="--threshold",
        expected=say("no threshold: training already tunes it on validation"),
        remedy=say("leave --threshold out"),
    )  # fmt: skip
