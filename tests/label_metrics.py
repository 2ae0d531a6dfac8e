"""The metrics of several labels on the images themselves, not in resamples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.statistics.metrics.multilabel import none_if_nan, resampled_values

Array = NDArray[Any]
Values = dict[str, float | None]  # by id; None: not measurable


@dataclass(frozen=True)
class ExactMetrics:
    """The metrics of all classes together, and of each in their order."""

    overall: Values
    classes: list[Values]


def measure_exactly(targets: Array, decisions: Array, scores: Array | None = None) -> ExactMetrics:
    """The metrics of N images: see `resampled_values`."""
    values = resampled_values(targets, decisions, scores)(np.ones((1, len(targets))))
    return ExactMetrics(
        {name: none_if_nan(row[0]) for name, row in values.overall.items()},
        [
            {name: none_if_nan(row[0, column]) for name, row in values.per_class.items()}
            for column in range(targets.shape[1])
        ],
    )
