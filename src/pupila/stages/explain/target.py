"""What is explained: a class or the mask of a prompt, and the number that its evidence adds up to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.stages.explain.explanation import Explanation, ImagesToExplain
from pupila.tasks.task import PredictionSpec

LAST, DECODER = mark("last feature map"), mark("middle of the decoder")  # where maps are read
Score = Callable[[Any], Any]  # (N, C) or (N, C, h, w) logits, of numpy or torch, to (N,)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """What is explained of a prediction of classes."""

    select_class: Callable[
        [Any], str
    ]  # the class that a prediction is explained for; empty: there is nothing to explain
    score: Callable[[int, Array], Score]  # of a class number, and the logits (C, ...) of the unchanged input
    # The same, as a calibrated probability from 0 to 1; also takes what predictions need of the bundle.
    probability: Callable[[int, Array, PredictionSpec], Callable[[Array], Array]]


class ImageExplainer(Protocol):
    """A bundle, loaded for explanations."""

    @property
    def method(self) -> str:
        """A name of `METHODS`."""

    @property
    def unit(self) -> Literal["logit", "overlap"]:
        """Of its evidence."""

    def explain(self, images: ImagesToExplain) -> Iterator[Explanation]:
        """The explanation of each image, in order; an image that can't be read has its fault instead."""

    def check(self, explanations: Sequence[Explanation], images: ImagesToExplain) -> dict[str, Any]:
        """The fields of the report that say what the maps are worth, from further predictions."""
