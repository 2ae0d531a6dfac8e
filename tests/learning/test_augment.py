"""Augmentation: every preset keeps what a picture is, and one number decides what is drawn."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.learning import augment as steps
from pupila.learning.augment import PRESETS, augment, augment_both, draw_number, encode_grid
from pupila.stages.train.plan import check_preset
from tests.pictures import Pixels, photo

DRAWN = sorted(name for name in PRESETS if name != "none")


class Fixed:
    """Stands for a generator that draws one number."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number

    def uniform(self, low: float, high: float) -> float:
        return self.number

    def integers(self, end: int) -> int:
        return 0


def step(name: str, pixels: Pixels, number: float, **options: float) -> Pixels:
    scene = getattr(steps, name)(steps.Scene(Image.fromarray(pixels)), Fixed(number), **options)
    created: Pixels = np.asarray(scene.picture)
    return created


@pytest.mark.parametrize("size", [(96, 72), (1, 1), (2, 5)])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_keeps_shape_and_type(preset: str, size: tuple[int, int]) -> None:
    picture = photo(1, *size)
    views = augment(picture, preset, 7)
    assert views.shape == picture.shape
    assert views.dtype == np.uint8


@pytest.mark.parametrize("preset", DRAWN)
def test_the_same_number_draws_the_same_view_and_others_differ(preset: str) -> None:
    views = [augment(photo(1), preset, draw_number(23, "aa", view)) for view in (*range(8), 0)]
    assert np.array_equal(views[0], views[-1])
    assert len({view.tobytes() for view in views[:8]}) == (2 if preset == "flip" else 8)


def test_none_is_the_picture_itself() -> None:
    assert np.array_equal(augment(photo(1), "none", 7), photo(1))


def test_seed_image_and_view_all_play_a_part_in_the_draw() -> None:
    numbers = {
        draw_number(*report) for report in [(23, "aa", 0), (24, "aa", 0), (23, "ab", 0), (23, "aa", 1)]
    }
    assert len(numbers) == 4
    assert draw_number(23, "aa", 0) == 1011898055487444291  # the same on every machine
    assert draw_number(2, "3", 1) != draw_number(23, "", 1)


def test_flip_mirrors_every_second_time() -> None:
    assert np.array_equal(step("flip", photo(1), 0.4), photo(1)[:, ::-1])
    assert np.array_equal(step("flip", photo(1), 0.6), photo(1))


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    square = photo(1, 32, 32)
    turned = step("rotate", square, 90, degrees=90).astype(int)
    assert np.abs(turned - np.rot90(square, -1)).max() <= 1  # by rounding


def test_zoom_by_a_half_shows_the_middle_larger_and_fills_with_grey_when_smaller() -> None:
    picture = np.zeros((30, 30, 3), np.uint8)
    picture[10:20, 10:20] = 255  # the middle third becomes the middle 15 pixels
    white = step("zoom", picture, 0.5, share=0.5)[:, :, 0]
    assert (white > 127).sum() == pytest.approx(15 * 15, abs=30)
    assert step("zoom", picture, -0.5, share=0.5)[0, 0].tolist() == [127, 127, 127]


def test_shear_moves_rows_sideways_and_the_middle_one_not() -> None:
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[:, 20] = 255
    column = step("shear", picture, 45, degrees=45)[:, :, 0].argmax(axis=1)
    assert column[20] == 20
    assert (np.abs(np.diff(column[2:39])) == 1).all()


def test_crop_enlarges_what_is_left() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:10, :10] = 255
    views = step("crop", picture, 0.5, share=0.5)  # the upper left quarter, which is white
    assert (views[:17, :17] == 255).all()
    assert views.min() > 127


@pytest.mark.parametrize("name", ["brightness", "contrast", "jitter"])
def test_colours_change_by_the_share_that_is_drawn_and_0_leaves_them(name: str) -> None:
    assert np.array_equal(step(name, photo(1), 0.0, share=0.2), photo(1))
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert step(name, grey, 0.2, share=0.2).flat[0] == (100 if name == "contrast" else 120)


def test_noise_has_the_requested_deviation() -> None:
    grey = Image.new("RGB", (100, 100), (127, 127, 127))
    scene = steps.noise(steps.Scene(grey), np.random.default_rng(0), deviation=8)
    noisy = np.asarray(scene.picture, dtype=np.float64)
    assert noisy.std() == pytest.approx(8, rel=0.05)
    assert noisy.mean() == pytest.approx(127, abs=0.2)


def test_the_grid_shows_each_picture_and_its_first_views() -> None:
    pictures = np.stack([photo(1, 24, 16), photo(2, 24, 16)])
    rows = [[picture, *(augment(picture, "A2", draw_number(23, key, view)) for view in range(3))]
            for picture, key in zip(pictures, ("aa", "bb"), strict=True)]  # fmt: skip
    sheet = np.asarray(Image.open(io.BytesIO(encode_grid(rows))))
    assert sheet.shape == (2 * 16, (1 + 3) * 24, 3)
    assert np.array_equal(sheet[16:, :24], pictures[1])
    assert np.array_equal(sheet[16:, 72:], augment(pictures[1], "A2", draw_number(23, "bb", 2)))


def test_an_unknown_preset_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        PupilaError, match=r"Unknown augmentation preset flip_rotatoin\. Did you mean flip_rotation\?"
    ):
        check_preset("flip_rotatoin")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_mask_moves_with_its_picture(preset: str) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[8:40, 4:24] = 1
    picture = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    for draw in range(6):
        views, moved = augment_both(picture, mask, preset, draw)
        assert views.shape == (64, 64, 3) and moved.shape == (64, 64)
        assert set(np.unique(moved)) <= {0, 1, IGNORE}
        known = moved != IGNORE
        grey = (views.astype(int).max(axis=2) - views.astype(int).min(axis=2) == 0) & (
            abs(views[..., 0] - 127.0) < 60
        )
        bright = views.mean(axis=2) > 127
        agree = (bright == (moved == 1))[known & ~grey]
        assert agree.mean() > 0.97  # but for the soft edge


def test_what_comes_from_outside_has_no_label() -> None:
    mask = np.ones((40, 40), np.uint8)
    random: Any = Fixed(45)
    scene = steps.Scene(Image.fromarray(np.zeros((40, 40, 3), np.uint8)), Image.fromarray(mask))
    turned = steps.rotate(scene, random, degrees=45)
    moved = np.asarray(turned.mask)
    assert moved[0, 0] == IGNORE and moved[20, 20] == 1
    assert np.asarray(turned.picture)[0, 0].tolist() == [127, 127, 127]


def test_a_picture_that_is_no_square_is_turned_by_half_turns_alone() -> None:
    scene = steps.Scene(Image.fromarray(photo(1, 30, 20)))
    sizes = {steps.quarter(scene, np.random.default_rng(n)).picture.size for n in range(12)}
    assert sizes == {(30, 20)}


def test_cutout_covers_the_picture_and_never_the_mask() -> None:
    scene = steps.Scene(Image.fromarray(photo(1, 40, 40)), Image.fromarray(np.ones((40, 40), np.uint8)))
    created = [steps.cutout(scene, np.random.default_rng(n), share=0.5) for n in range(8)]
    assert all((np.asarray(item.mask) == 1).all() for item in created)
    covered = [(np.asarray(item.picture) == 127).all(axis=2).mean() for item in created]
    assert 0 < sum(share > 0.01 for share in covered) < 8
    assert max(covered) <= 0.26
