"""Learning curves: the error as a power law of the number of training images, and what more images would bring.

error = a + b n^-c, with a, b >= 0. The trainings of one size differ by their draw of images and by their seed; that
spread is all the noise that counts for the mean score *on these validation images*, to which every figure here refers.
The variance is taken as proportional to error (1 - error), as of a share, with a factor that the residuals give.

Source: Hestness et al. 2017, arXiv:1712.00409 for the form; Wedderburn 1974, Biometrika 61 for the quasi-likelihood,
whose profile gives the interval (Venzon and Moolgavkar 1988, with Student's t for the estimated factor).
"""

from dataclasses import dataclass

import numpy as np

from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import Array

LEAST_SIZES = 4  # three describe a power law exactly
LEAST_POINTS = 8
WIDEST = 0.10  # interval of a prediction that still tells something
_EXPONENTS = np.geomspace(0.05, 2.0, 60)
_LEVELS = np.linspace(0.0, 1.0, 1001)  # candidates for a predicted error
_REWEIGHTED = 3
_FLOOR = 0.01  # of error (1 - error): nothing is measured without noise


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fitted learning curve."""

    a: float  # error that no number of images removes
    b: float  # error above it with all images that there are
    c: float  # exponent
    full: float  # number of images in units of which b is meant
    sizes: Array  # (P,) images of each training
    errors: Array  # (P,) 0..1
    weights: Array  # (P,) inverse variances, up to a factor
    factor: float  # the variance's, from the residuals

    def error(self, images: float | Array) -> Array:
        """The curve's error with so many images."""
        return np.asarray(self.a + self.b * (np.asarray(images, dtype=float) / self.full) ** -self.c)

    def predict(self, images: float) -> Estimate:
        """The mean score (1 - error) of trainings with so many images, on these validation images."""
        from scipy.stats import t

        lowest = _profile(self.sizes / self.full, self.errors, self.weights, images / self.full)
        limit = float(t.ppf(0.975, len(self.errors) - 3)) ** 2 * self.factor
        inside = _LEVELS[lowest <= lowest.min() + limit]
        value = float(np.clip(1 - self.error(images), 0.0, 1.0))
        step = _LEVELS[1] / 2
        low, high = max(0.0, 1 - float(inside.max()) - step), min(1.0, 1 - float(inside.min()) + step)
        return Estimate(value=value, low=min(low, value), high=max(high, value))


def fit_power_law(sizes: Array, scores: Array) -> PowerLaw | None:
    """The power law of some trainings.

    Args:
        sizes: (P,) training images of each.
        scores: (P,) each 0..1, 1 is perfect.

    Returns:
        None with fewer than 4 sizes or 8 trainings.
    """
    if len(np.unique(sizes)) < LEAST_SIZES or len(sizes) < LEAST_POINTS:
        return None
    errors, full = 1.0 - np.asarray(scores, dtype=float), float(np.max(sizes))
    x = np.asarray(sizes, dtype=float) / full
    weights = np.ones(len(errors))
    for _ in range(_REWEIGHTED):
        a, b, c = _fit(x, errors, weights)
        fitted = np.clip(a + b * x**-c, 0.0, 1.0)
        weights = 1 / np.maximum(fitted * (1 - fitted), _FLOOR)
    a, b, c = _fit(x, errors, weights)
    residual = float((weights * (errors - a - b * x**-c) ** 2).sum())
    factor = max(residual / (len(errors) - 3), 1e-9)
    return PowerLaw(a, b, c, full, np.asarray(sizes, dtype=float), errors, weights, factor)


def _fit(x: Array, errors: Array, weights: Array) -> tuple[float, float, float]:
    """Least squares under a, b >= 0: for each exponent in closed form."""
    powers = x[None] ** -_EXPONENTS[:, None]  # (K, P)
    total = weights.sum()
    mean_power, mean_error = (powers * weights).sum(axis=1) / total, (errors * weights).sum() / total
    spread = (weights * (powers - mean_power[:, None]) ** 2).sum(axis=1)
    slope = (weights * (powers - mean_power[:, None]) * errors).sum(axis=1) / spread
    steep = (weights * powers * errors).sum(axis=1) / (weights * powers**2).sum(axis=1)  # with a = 0
    b = np.maximum(np.where(mean_error - slope * mean_power < 0, steep, slope), 0.0)
    a = np.maximum(mean_error - b * mean_power, 0.0)
    losses = (weights * (errors - a[:, None] - b[:, None] * powers) ** 2).sum(axis=1)
    best = int(losses.argmin())
    return float(a[best]), float(b[best]), float(_EXPONENTS[best])


def _profile(x: Array, errors: Array, weights: Array, at: float) -> Array:
    """(L,) smallest weighted sum of squares of the curves that have each candidate error at size `at`."""
    lowest = np.full(len(_LEVELS), np.inf)
    for c in _EXPONENTS:
        # error = level + b (x^-c - at^-c), with 0 <= b <= level / at^-c so that a >= 0
        rise = x**-c - at**-c
        b = (weights * rise * (errors - _LEVELS[:, None])).sum(axis=1) / (weights * rise**2).sum()
        b = np.clip(b, 0.0, _LEVELS / at**-c)
        losses = (weights * (errors - _LEVELS[:, None] - b[:, None] * rise) ** 2).sum(axis=1)
        lowest = np.minimum(lowest, losses)
    return lowest
