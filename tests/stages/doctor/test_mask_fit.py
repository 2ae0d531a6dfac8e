"""Masks of other images, on drawn chips as from a satellite: planted exchanges are named, and nothing else is."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pupila.stages.doctor.mask_fit import BRIGHTNESS, TEXTURE, Misfit, find_misfits, score_image_masks

Array = NDArray[Any]
SIDE, CHIPS, CLASSES = 48, 90, 4


@cache
def draw_chips(seed: int, odd: float) -> tuple[Array, Array]:
    """(CHIPS, SIDE, SIDE) grey images, and their masks.

    Args:
        seed: of the drawing.
        odd: share of the masks that are tiny, and as many that are nearly full.
    """
    rng = np.random.default_rng(seed)

    def draw_field(sigma: float) -> Array:
        field = gaussian_filter(rng.standard_normal((SIDE, SIDE)), sigma, mode="wrap")
        return np.asarray((field - field.mean()) / field.std())

    images, masks = [], []
    for _ in range(CHIPS):
        field, kind = draw_field(rng.uniform(3, 8)), rng.random()
        if kind < odd:
            mask = (field > np.quantile(field, 1 - rng.uniform(0.002, 0.009))) * rng.integers(1, CLASSES)
        elif kind < 2 * odd:
            mask = (field > np.quantile(field, rng.uniform(0.002, 0.009))) * rng.integers(1, CLASSES)
        else:
            mask = np.digitize(field, np.quantile(field, np.sort(rng.uniform(0.1, 0.9, CLASSES - 1))))
        levels = rng.normal(0, 1, CLASSES) if rng.random() < odd else np.linspace(-1, 1, CLASSES)
        noise = rng.standard_normal((SIDE, SIDE)) * (1 + mask)
        grey = levels[mask] + (0.6 if odd else 0.3) * draw_field(2) + 0.5 * draw_field(0.7) + 0.3 * noise
        images.append(np.clip(128 + 40 * grey, 0, 255).astype(np.uint8))
        masks.append(mask.astype(np.uint8))
    return np.stack(images), np.stack(masks)


def find(images: Array, masks: Array) -> list[Misfit]:
    misfits = find_misfits(
        np.arange(len(images)),
        lambda some: score_image_masks(images[some], masks[some], CLASSES),
        BRIGHTNESS * TEXTURE * CLASSES,
        masks,
    )
    assert misfits is not None
    return misfits


def named(misfits: list[Misfit]) -> dict[int, tuple[int, bool]]:
    return {misfit.row: (misfit.other, misfit.copied) for misfit in misfits if misfit.other is not None}


@pytest.mark.parametrize("seed", [0, 1])
def test_no_chip_among_tiny_and_full_masks_is_named(seed: int) -> None:
    assert named(find(*draw_chips(seed, 0.25))) == {}


def test_masks_that_are_swapped_name_each_other() -> None:
    images, masks = (part.copy() for part in draw_chips(3, 0))
    masks[[4, 60]] = masks[[60, 4]]
    assert named(find(images, masks)) == {4: (60, False), 60: (4, False)}


def test_masks_that_moved_on_in_a_ring_name_their_images() -> None:
    images, masks = (part.copy() for part in draw_chips(3, 0))
    masks[[10, 20, 30]] = masks[[20, 30, 10]]
    assert named(find(images, masks)) == {10: (30, False), 20: (10, False), 30: (20, False)}


def test_a_mask_that_was_copied_over_another_names_its_source() -> None:
    images, masks = (part.copy() for part in draw_chips(3, 0))
    masks[7] = masks[50]
    assert named(find(images, masks)) == {7: (50, True)}


def test_a_lost_mask_has_a_poor_fit_and_no_other_image() -> None:
    images, masks = (part.copy() for part in draw_chips(3, 0))
    masks[7] = draw_chips(4, 0)[1][0]
    assert [(misfit.row, misfit.other) for misfit in find(images, masks)] == [(7, None)]


def test_tiny_masks_that_are_swapped_are_no_error() -> None:
    images, masks = (part.copy() for part in draw_chips(3, 0))
    for row, top in ((4, 5), (60, 35)):
        tiny = np.zeros((SIDE, SIDE), np.uint8)
        tiny[top : top + 4, top : top + 5] = 1  # 20 of 2,304 pixels
        masks[row], images[row] = tiny, np.where(tiny == 1, 255, 60 + images[row] // 8)
    masks[[4, 60]] = masks[[60, 4]]
    assert named(find(images, masks)) == {}
