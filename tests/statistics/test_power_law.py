"""Power laws: exact ones are hits, and the interval of a prediction covers what it should."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import norm

from pupila.statistics.intervals import Array
from pupila.statistics.power_law import WIDEST, fit_power_law

SHARES = np.array([0.1, 0.2, 0.4, 0.7, 1.0])


def test_an_exact_curve_is_found_and_continued() -> None:
    sizes = np.repeat(400 * SHARES, 2)
    law = fit_power_law(sizes, 1 - (0.05 + 0.1 * (sizes / 400) ** -0.5))
    assert law is not None and law.error(400) == pytest.approx(0.15, abs=1e-3)
    later_score = law.predict(800)
    assert later_score.value == pytest.approx(1 - 0.05 - 0.1 * 2**-0.5, abs=2e-3)
    assert later_score.low is not None and later_score.high is not None
    assert later_score.low <= 0.8793 <= later_score.high and later_score.high - later_score.low < 0.01


def test_the_fit_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    sizes = np.repeat(300 * SHARES, 4)
    scores = 0.9 - 0.08 * (sizes / 300) ** -0.6 + rng.normal(0, 0.005, len(sizes))
    law = fit_power_law(sizes, scores)
    assert law is not None
    x, errors = law.sizes / law.full, law.errors
    theirs, _ = curve_fit(
        lambda x, a, b, c: a + b * x**-c, x, errors, p0=(0.1, 0.1, 0.5), sigma=law.weights**-0.5,
        bounds=([0, 0, 0.05], [1, 1, 2]),
    )  # fmt: skip
    for size in (30, 100, 300, 600):
        expected = theirs[0] + theirs[1] * (size / 300) ** -theirs[2]
        assert law.error(size) == pytest.approx(expected, abs=2e-3)


def test_a_flat_curve_promises_nothing() -> None:
    law = fit_power_law(np.repeat(200 * SHARES, 3), np.full(15, 0.8) + np.tile([-0.01, 0.0, 0.01], 5))
    assert law is not None
    later_score = law.predict(400)
    assert (
        later_score.value == pytest.approx(0.8, abs=0.005)
        and later_score.low is not None
        and later_score.low < 0.8
    )


def test_a_curve_that_falls_with_more_images_is_no_power_law_that_rises() -> None:
    sizes = np.repeat(200 * SHARES, 2)
    law = fit_power_law(sizes, 0.9 - 0.1 * sizes / 200)
    assert law is not None and law.b == 0


@pytest.mark.parametrize(("sizes", "repeats"), [([10, 20, 40], 5), ([10, 20, 40, 80], 1)])
def test_too_few_sizes_or_trainings_have_no_curve(sizes: list[int], repeats: int) -> None:
    many = np.repeat(np.array(sizes), repeats)
    assert fit_power_law(many, np.linspace(0.5, 0.9, len(many))) is None


def simulate(laws: int, seed: int, nested: float = 0.2) -> tuple[Array, Array]:
    """Whether the interval of twice the images covers the mean score on the validation images, and is predictable.

    Each law has a plateau; an image is right where its own difficulty, the draw of the training images and chance allow
    it. `nested` is the part of a training's own noise that all sizes of a repeat have in common.
    """
    rng = np.random.default_rng(seed)
    covered: list[bool] = []
    predictable: list[bool] = []
    while len(covered) < laws:
        plateau, rise, exponent = rng.uniform(0.02, 0.15), rng.uniform(0.03, 0.2), rng.uniform(0.2, 1.2)
        validation, full, repeats = int(rng.integers(60, 301)), 400, int(rng.integers(3, 6))
        errors = plateau + rise * SHARES**-exponent
        if errors.max() > 0.8:
            continue
        hard = rng.standard_normal(validation)  # shared by all trainings

        def right(error: Array, noise: Array, hard: Array = hard) -> Array:
            return np.asarray(np.sqrt(0.5) * (hard + noise) < norm.ppf(1 - error))

        scores, sizes = [], []
        for _ in range(repeats):
            common = rng.standard_normal(validation)
            for share, error in zip(SHARES, errors, strict=True):
                own = np.sqrt(nested) * common + np.sqrt(1 - nested) * rng.standard_normal(validation)
                scores.append(right(error, own).mean())
                sizes.append(share * full)
        law = fit_power_law(np.array(sizes), np.array(scores))
        assert law is not None
        later_score = law.predict(2 * full)
        assert later_score.low is not None and later_score.high is not None
        later = norm.ppf(1 - (plateau + rise * 2**-exponent))
        expected = norm.cdf((later - np.sqrt(0.5) * hard) / np.sqrt(0.5)).mean()
        covered.append(later_score.low <= expected <= later_score.high)
        predictable.append(later_score.high - later_score.low <= WIDEST)
    return np.array(covered), np.array(predictable)


def test_a_short_simulation_covers() -> None:
    covered, predictable = simulate(25, seed=1)
    assert covered.mean() >= 0.84 and predictable.mean() >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_300_power_laws_are_covered_and_most_are_narrow(seed: int) -> None:
    covered, predictable = simulate(300, seed)
    print(f"covered {covered.mean():.3f}, predictable {predictable.mean():.3f}")
    assert 0.90 <= covered.mean() <= 0.97 and predictable.mean() >= 0.8
