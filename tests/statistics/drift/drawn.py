"""Observations drawn at random, for the tests of drift."""

import numpy as np

from pupila.statistics.drift.observations import Observations


def draw(random: np.random.Generator, groups: int, projections: int = 2, classes: int = 3) -> Observations:
    """Of quiet groups, each by itself."""
    outputs = random.dirichlet(np.full(classes, 0.3), groups)
    confidence = outputs.max(axis=1, initial=0)
    return Observations(
        confidence, random.normal(0.5, 0.1, groups), random.gamma(4, 0.01, groups),
        random.normal(size=(groups, projections)), outputs,
    )  # fmt: skip


def only_brightness(values: list[float]) -> Observations:
    """Of groups about which nothing else is known."""
    nothing, groups = np.full(len(values), np.nan), len(values)
    return Observations(
        nothing, np.array(values, float), nothing, np.empty((groups, 0)), np.empty((groups, 0))
    )


def rows(observations: Observations) -> list[Observations]:
    """One by one."""
    return [observations.select(np.array([row])) for row in range(len(observations))]
