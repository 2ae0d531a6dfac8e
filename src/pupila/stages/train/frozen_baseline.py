"""Whether unfrozen blocks are worth it: a classifier before and after its fine-tuning, on the same images."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from pupila.core.messages import number, say, say_images
from pupila.imaging.images.decode import Array
from pupila.learning.trainers.images import ImageTrainer


@dataclass(frozen=True, slots=True)
class FrozenBaseline:
    """A classifier before its fine-tuning.

    Args:
        trainer: of its task.
        module: encoder and head.
        weights: a copy of them.
        predictions: (V, C) logits of the validation rows.
        margin: standard errors by which unfrozen blocks have to be better on the same images.
    """

    trainer: ImageTrainer
    module: nn.Module
    weights: dict[str, Any]
    predictions: Array
    margin: float

    @classmethod
    def of(
        cls, trainer: Any, module: nn.Module, predict: Callable[[], Array] | None, margin: float | None
    ) -> "FrozenBaseline | None":
        """None where nothing is compared: no margin, no trained head, or no validation images."""
        if margin is None or predict is None or not trainer.split.validation:
            return None
        return cls(trainer, module, copy.deepcopy(module.state_dict()), predict(), margin)

    def compare(self, predictions: Array) -> "Comparison":
        """Compare it with the predictions of the fine-tuned module; the weights of the better one are in place then."""
        unfrozen, frozen = (
            np.array(self.trainer.score_images(some)) for some in (predictions, self.predictions)
        )
        differences = unfrozen - frozen
        is_beaten = bool(differences.sum() > self.margin * np.sqrt((differences**2).sum()))
        if not is_beaten:
            self.module.load_state_dict(self.weights)
        better = predictions if is_beaten else self.predictions
        return Comparison(is_beaten, better, float(unfrozen.mean()), float(frozen.mean()), len(frozen))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of a frozen encoder and one with unfrozen blocks."""

    is_beaten: bool  # the frozen one
    predictions: Array  # of the better one
    unfrozen: float  # mean scores of the validation images
    frozen: float
    images: int

    def predict(self) -> Array:
        """The predictions of the better one for the validation rows."""
        return self.predictions

    def describe(self) -> str:
        """What was compared, and which was taken."""
        figures = {
            "unfrozen": number(self.unfrozen), "frozen": number(self.frozen), "images": say_images(self.images),
        }  # fmt: skip
        scores = say("mean score {unfrozen} with unfrozen blocks and {frozen} with the frozen encoder on {images} of "
                     "validation", **figures)  # fmt: skip
        if self.is_beaten:
            return say("{scores}: better by more than a standard error", scores=scores)
        return say(
            "{scores}: not better by a standard error, so that the encoder stays frozen", scores=scores
        )
