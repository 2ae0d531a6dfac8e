"""Models whose true scores are known, and the images that they are right on: for simulations of a selection."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from pupila.statistics.intervals import Array
from pupila.statistics.selection import Candidate, Fold


@dataclass(frozen=True, slots=True)
class Models:
    """How models are drawn: latent scores of images, in part shared by all models, epochs of a model alike."""

    models: int
    images: int
    epochs: int = 1
    group_size: int = 1
    spread: float = 0.0  # standard deviation of the true accuracies
    shared: float = 0.3  # share of the variance that all models have in common: hard images
    alike: float = 0.9  # share of the variance that the epochs of a model have in common


def draw_models(kind: Models, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """(M, E, N) bool right or wrong, (M, E) true accuracies, and (N,) groups."""
    groups = np.arange(kind.images) // kind.group_size
    hard = rng.standard_normal(kind.images)
    if kind.group_size > 1:
        hard = np.sqrt(0.5) * hard + np.sqrt(0.5) * rng.standard_normal(groups.max() + 1)[groups]
    own = rng.standard_normal((kind.models, kind.images))
    latent = np.sqrt(kind.shared) * hard + np.sqrt(1 - kind.shared) * own
    noise = rng.standard_normal((kind.models, kind.epochs, kind.images))
    alike = 1.0 if kind.epochs == 1 else kind.alike
    latent = np.sqrt(alike) * latent[:, None] + np.sqrt(1 - alike) * noise
    best = 0.85 + kind.spread * rng.standard_normal(kind.models)
    below = 0.0 if kind.epochs == 1 else 0.02 * np.abs(rng.standard_normal((kind.models, kind.epochs)))
    accuracy = np.clip(best[:, None] - below, 0.3, 0.995)
    return latent < norm.ppf(accuracy)[:, :, None], accuracy, groups


def accuracy_candidates(right: Array) -> list[Candidate]:
    """A candidate for each of (M, E, N) right or wrong, each its own configuration."""

    def fold(own: Array) -> Fold:
        sums = np.stack([own, np.ones_like(own)], axis=-1).astype(float)  # (E, N, 2)
        flat = np.moveaxis(sums, 0, 1).reshape(own.shape[1], -1)
        return Fold(
            np.arange(own.shape[1]), lambda weights: (weights @ flat).reshape(len(weights), len(own), 2),
            len(own), 2,
        )  # fmt: skip

    return [Candidate([fold(own)], number) for number, own in enumerate(right)]


def accuracy(totals: Array) -> Array:
    """Right / all, of (..., 2) sums; NaN where there is no image."""
    with np.errstate(invalid="ignore"):
        return np.asarray(totals[..., 0] / totals[..., 1])
