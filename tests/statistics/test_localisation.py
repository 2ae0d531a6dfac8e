"""Where the evidence of a heat map lies: known answers, and Quantus on the same maps."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pupila.statistics.localisation import centred_bump, energy_inside, hits, rank_correlation

with warnings.catch_warnings():  # its docstrings have escapes that Python warns of when it compiles them
    warnings.simplefilter("ignore")
    from quantus.metrics.localisation.pointing_game import PointingGame
    from quantus.metrics.localisation.relevance_mass_accuracy import RelevanceMassAccuracy

RNG = np.random.default_rng(0)
MAPS = RNG.random((12, 9, 11))
REGIONS = RNG.random((12, 9, 11)) < 0.3


def test_known_answers() -> None:
    heat = np.array([[3.0, 1.0], [-5.0, 0.0]])
    left = np.array([[True, False], [True, False]])
    assert energy_inside(heat, left) == 0.75  # what speaks against the class is no evidence for it
    assert hits(heat, left) and not hits(-heat, np.array([[True, True], [False, True]]))
    assert np.isnan(energy_inside(-np.ones((2, 2)), left))


def test_the_figures_are_those_of_quantus() -> None:
    model, pixels = nn.Linear(1, 1), np.zeros((12, 1, 9, 11), np.float32)
    given: dict[str, Any] = {
        "model": model, "x_batch": pixels, "y_batch": np.zeros(12, int), "a_batch": MAPS[:, None],
        "s_batch": REGIONS[:, None], "device": torch.device("cpu"),
    }  # fmt: skip
    plain: dict[str, Any] = {
        "abs": False,
        "normalise": False,
        "disable_warnings": True,
        "display_progressbar": False,
    }
    pointing = PointingGame(**plain)(**given)
    assert [hits(heat, region) for heat, region in zip(MAPS, REGIONS, strict=True)] == [
        bool(each) for each in pointing
    ]
    mass = RelevanceMassAccuracy(**plain)(**given)
    ours = [energy_inside(heat, region) for heat, region in zip(MAPS, REGIONS, strict=True)]
    assert ours == pytest.approx(mass, abs=1e-9)


def test_ranks_do_not_depend_on_the_scale() -> None:
    heat = MAPS[0]
    assert rank_correlation(heat, np.exp(3 * heat)) == pytest.approx(1)
    assert rank_correlation(heat, -heat) == pytest.approx(-1)
    assert rank_correlation(heat, np.ones_like(heat)) == 0.0
    shuffled = [rank_correlation(heat, RNG.permutation(heat.ravel()).reshape(heat.shape)) for _ in range(200)]
    assert abs(float(np.mean(shuffled))) < 0.05


def test_the_bump_lies_in_the_middle_and_is_symmetrical() -> None:
    bump = centred_bump(9, 11)
    assert bump.argmax() == 4 * 11 + 5 and bump.min() > 0
    assert bump == pytest.approx(bump[::-1, ::-1])
