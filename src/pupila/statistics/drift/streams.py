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

    def extract(self, observations: Observations) -> NDArray[np.float64]:
        """Their values, (G, S); NaN where a value is unknown."""
        return _all_values(observations)[:, self._places(observations)]

    def _places(self, observations: Observations) -> list[int]:
        every = _all_names(observations)
        return [every.index(name) for name in self.names]


def choose_streams(reference: Observations) -> Streams:
    """The streams with a known value in the reference."""
    unknown = np.isnan(_all_values(reference)).all(axis=0).tolist()
    names = [name for name, absent in zip(_all_names(reference), unknown, strict=True) if not absent]
    families = [name.split()[0] for name in names]
    weights = np.array([1 / (len(set(families)) * families.count(family)) for family in families])
    return Streams(names, weights)


def _all_names(observations: Observations) -> list[str]:
    projections = observations.embedding.shape[1]
    outputs = min(observations.outputs.shape[1], OUTPUT_STREAMS)
    return [
        *SINGLE_STREAMS,
        *(f"embedding {number}" for number in range(projections)),
        *(f"outputs {number}" for number in range(outputs)),
    ]


def _all_values(observations: Observations) -> NDArray[np.float64]:
    outputs = observations.outputs
    if outputs.shape[1] > OUTPUT_STREAMS:
        outputs = np.stack([outputs[:, k::OUTPUT_STREAMS].sum(axis=1) for k in range(OUTPUT_STREAMS)], axis=1)
    single = np.stack([getattr(observations, name) for name in SINGLE_STREAMS], axis=1)
    values = np.concatenate([single, observations.embedding, outputs], axis=1)
    return values.astype(np.float32).astype(
        np.float64
    )  # a stored reference has float32: equal values stay equal
