"""What is monitored of images: a row for each group of related images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
LARGEST = float(np.finfo(np.float32).max)  # value; they are compared as 32 bits


def to_digits(value: float) -> float:
    """The value with 6 significant digits: reference and log have the same ones, so that equal values are ties."""
    return float(f"{value:.6g}")


@dataclass(frozen=True, slots=True)
class Observations:
    """Of G groups, each by one of its images; NaN where a value is unknown."""

    confidence: Values  # (G,) 0..1
    brightness: Values  # (G,) 0 black..1 white
    sharpness: Values  # (G,) mean absolute difference of neighbouring pixels of the model's input, 0..1
    embedding: Values  # (G, K) projections of the embedding
    outputs: Values  # (G, C) probability of each class; of masks its share of the pixels

    def __len__(self) -> int:
        return len(self.confidence)

    def select(self, rows: NDArray[np.int64]) -> "Observations":
        """Those of some groups."""
        return Observations(*(getattr(self, name)[rows] for name in self.__slots__))


def stack_observations(parts: list[Observations]) -> Observations:
    """One after the other; at least one."""
    return Observations(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Observations.__slots__)
    )
