"""The streams of values that are watched of observations, and their weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.drift.observations import Observations

SINGLE_STREAMS = ("confidence", "brightness", "sharpness")
OUTPUT_STREAMS = 32  # more classes than this share streams


@dataclass(frozen=True, slots=True)
class Streams:
    """S streams of values: three single ones, one for each projection of the embedding, and those of the outputs.

    A stream takes one class's output. With more than `OUTPUT_STREAMS` classes it takes the sum of every
    `OUTPUT_STREAMS`-th: which classes go together depends on no observation.
    """

    names: list[str]  # confidence, brightness, sharpness, embedding 0.., outputs 0..
    weights: NDArray[np.float64]  # (S,) sum to 1: equal for each family, then for each stream of it
    projections: int
    classes: int

    def extract(self, observations: Observations) -> NDArray[np.float64]:
        """Their values, (G, S); NaN where a value is unknown, as all projections are where there is no embedding.

        Raises:
            ValueError: another number of projections or classes than in the reference.
        """
        shapes = observations.embedding.shape[1], observations.outputs.shape[1]
        if shapes[0] not in (self.projections, 0) or shapes[1] != self.classes:
            raise ValueError(
                f"{shapes[0]} projections of {shapes[1]} classes, expected {self.projections} of {self.classes}"
            )
        return _join_values(observations, self.projections)


def choose_streams(reference: Observations) -> Streams:
    """The streams of a reference; one that it does not know is compared with its own beginning."""
    projections, classes = reference.embedding.shape[1], reference.outputs.shape[1]
    families = [
        *((name, name) for name in SINGLE_STREAMS),
        *(("embedding", f"embedding {number}") for number in range(projections)),
        *(("outputs", f"outputs {number}") for number in range(min(classes, OUTPUT_STREAMS))),
    ]
    family = [name for name, _ in families]
    weights = np.array([1 / (len(set(family)) * family.count(name)) for name in family])
    return Streams([name for _, name in families], weights, projections, classes)


def _join_values(observations: Observations, projections: int) -> NDArray[np.float64]:
    """All values, (G, 3 + projections + at most OUTPUT_STREAMS), rounded as a stored reference is: equal stay equal."""
    embedding, outputs = observations.embedding, observations.outputs
    if not embedding.shape[1]:
        embedding = np.full((len(observations), projections), np.nan)
    if outputs.shape[1] > OUTPUT_STREAMS:
        outputs = np.stack([outputs[:, k::OUTPUT_STREAMS].sum(axis=1) for k in range(OUTPUT_STREAMS)], axis=1)
    single = np.stack([getattr(observations, name) for name in SINGLE_STREAMS], axis=1)
    values = np.concatenate([single, embedding, outputs], axis=1)
    return values.astype(np.float32).astype(np.float64)
