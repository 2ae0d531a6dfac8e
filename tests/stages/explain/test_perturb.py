"""Occlusion and RISE on scores whose answer is known."""

import numpy as np
import pytest

from pupila.imaging.images.decode import Array
from pupila.stages.explain.perturb import occlude, rise

SIDE = 56


def corner(inputs: Array) -> Array:
    """Reads the upper left quarter alone."""
    return np.asarray(inputs[:, :, : SIDE // 2, : SIDE // 2].mean(axis=(1, 2, 3)))


def bright() -> Array:
    return np.ones((3, SIDE, SIDE), np.float32)


def test_occlusion_finds_the_quarter_that_counts() -> None:
    cells = occlude(bright(), corner)
    assert cells.shape == (8, 8)
    assert cells[:4, :4] == pytest.approx(
        np.full((4, 4), 1 / 4), abs=1 / 8
    )  # patches of 2 x 2 of its 4 x 4 cells
    assert cells[1, 1] == pytest.approx(4 / 16) and (cells[5:] == 0).all() and (cells[:, 5:] == 0).all()


def test_rise_finds_the_quarter_that_counts() -> None:
    heat = rise(bright(), corner, 400, 0)
    assert heat.shape == (SIDE, SIDE)
    inside, outside = heat[: SIDE // 2, : SIDE // 2].mean(), heat[SIDE // 2 :, SIDE // 2 :].mean()
    assert inside > 0.02 and abs(outside) < inside / 4
    assert (rise(bright(), corner, 50, 3) == rise(bright(), corner, 50, 3)).all()
    assert (rise(bright(), corner, 50, 3) != rise(bright(), corner, 50, 4)).any()


def test_what_does_not_depend_on_the_image_has_no_evidence() -> None:
    def constant(inputs: Array) -> Array:
        return np.full(len(inputs), 7.0)

    assert not occlude(bright(), constant).any()
    assert np.abs(rise(bright(), constant, 64, 0)).max() < 1e-5


def test_hiding_what_speaks_against_the_class_is_negative() -> None:
    assert occlude(bright(), lambda inputs: -corner(inputs)).min() == pytest.approx(-1 / 4)


@pytest.mark.parametrize("shape", [(3, 40, 72), (3, 33, 17), (3, 8, 8)])
def test_other_shapes(shape: tuple[int, int, int]) -> None:
    pixels = np.ones(shape, np.float32)
    assert occlude(pixels, lambda inputs: inputs.mean(axis=(1, 2, 3))).min() > 0
    assert np.isfinite(rise(pixels, lambda inputs: inputs.mean(axis=(1, 2, 3)), 64, 0)).all()
