"""What is explained: a class, and the number that its evidence adds up to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.tasks.task import PredictionSpec

LAST, DECODER = mark("last feature map"), mark("middle of the decoder")  # where maps are read
Score = Callable[[Any], Any]  # (N, C) or (N, C, h, w) logits, of numpy or torch, to (N,)


@dataclass(frozen=True, slots=True)
class TaskExplainer:
    """What one task's explanations do differently."""

    select_class: Callable[
        [Any], str
    ]  # the class that a prediction is explained for; empty: there is nothing to explain
    score: Callable[[int, Array], Score]  # of a class number, and the logits (C, ...) of the unchanged input
    # The same, as a calibrated probability from 0 to 1; also takes what predictions need of the bundle.
    probability: Callable[[int, Array, PredictionSpec], Callable[[Array], Array]]
