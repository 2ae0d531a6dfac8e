"""Corruptions: known values by hand, and what all of them have in common."""

import numpy as np
import pytest

from pupila.imaging.corruptions.background import GREY, background_alone, replace_background
from pupila.imaging.corruptions.catalogue import BACKGROUND, CORRUPTIONS, LEVELS, Corruption, Scene
from pupila.imaging.corruptions.detail import add_noise, blur, compress_jpeg, limit_side, lower_resolution
from pupila.imaging.corruptions.light import scale_brightness, scale_contrast
from pupila.imaging.corruptions.overlays import add_reflections, cast_shadow
from tests.pictures import Pixels, photo


def plain(*colour: int, side: int = 32) -> Pixels:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scene(seed: int = 1, width: int = 96, height: int = 72) -> Scene:
    rgb = photo(seed, width, height)
    background = np.arange(width)[None].repeat(height, axis=0) >= width // 2
    return Scene(rgb, float(min(height, width)), background, photo(seed + 100))


def distances(corruption: Corruption, given: Scene) -> list[float]:
    """The mean change of a value at each level."""
    corrupted = [corruption.apply(given, amount, random()) for amount in corruption.amounts]
    return [float(np.abs(rgb.astype(int) - given.rgb).mean()) for rgb in corrupted]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_keeps_the_shape_and_repeats_itself(name: str) -> None:
    for given in (scene(), scene(2, 5, 9), scene(3, 400, 31)):
        for amount in CORRUPTIONS[name].amounts:
            before = given.rgb.copy()
            first, again = (CORRUPTIONS[name].apply(given, amount, random()) for _ in range(2))
            assert first.shape == given.rgb.shape
            assert first.dtype == np.uint8
            assert np.array_equal(first, again)
            assert np.array_equal(given.rgb, before)  # the image itself is left as it is


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_level_changes_more_than_the_one_before(name: str) -> None:
    changes = distances(CORRUPTIONS[name], scene(4, 300, 260))
    assert len(changes) == LEVELS
    assert changes[0] > 0
    assert changes == sorted(changes)
    assert len(set(changes)) == LEVELS


@pytest.mark.parametrize("name", ["shadow", "reflection", "noise"])
def test_another_generator_gives_another_image(name: str) -> None:
    given, corruption = scene(), CORRUPTIONS[name]
    assert not np.array_equal(
        corruption.apply(given, corruption.amounts[1], random(1)),
        corruption.apply(given, corruption.amounts[1], random(2)),
    )


def test_brightness_is_a_factor_cut_at_white() -> None:
    assert scale_brightness(plain(10, 101, 200), 0.5)[0, 0].tolist() == [
        5,
        50,
        100,
    ]  # 50.5 to the even number
    assert scale_brightness(plain(10, 101, 200), 2)[0, 0].tolist() == [20, 202, 255]
    assert np.array_equal(scale_brightness(photo(1), 1), photo(1))


def test_contrast_draws_every_channel_to_its_mean() -> None:
    rgb = np.array([[[0, 100, 7], [200, 100, 7]]], dtype=np.uint8)
    # means 100, 100, 7: half of the distances of -100 and 100 are left
    assert scale_contrast(rgb, 0.5).tolist() == [[[50, 100, 7], [150, 100, 7]]]
    assert scale_contrast(rgb, 0).tolist() == [[[100, 100, 7], [100, 100, 7]]]


@pytest.mark.parametrize("side", [100, 200])
def test_blur_has_the_sigma_of_its_share(side: int) -> None:
    """A line, blurred: its variance is sigma squared, sigma being 4 % of the side."""
    rgb = np.zeros((side, side, 3), dtype=np.uint8)
    rgb[:, side // 2 - 5 : side // 2 + 5] = 255
    profile = blur(rgb, 0.04, side)[side // 2, :, 0].astype(float)
    places = np.arange(side)
    mean = (places * profile).sum() / profile.sum()
    variance = ((places - mean) ** 2 * profile).sum() / profile.sum()
    own = (10**2 - 1) / 12  # of a line of 10 pixels
    assert np.sqrt(variance - own) == pytest.approx(0.04 * side, rel=0.06)
    assert np.array_equal(blur(plain(10, 20, 30), 0.04, 32), plain(10, 20, 30))


@pytest.mark.parametrize(("side", "grain"), [(256, 1), (512, 2), (1024, 4)])
def test_noise_has_256_grains_a_side_and_its_sigma(side: int, grain: int) -> None:
    noise = add_noise(plain(128, 128, 128, side=side), 0.1, side, random()).astype(int) - 128
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    blocks = noise.reshape(256, grain, 256, grain, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_noise_of_a_small_and_of_a_large_photo_is_the_same_at_one_size() -> None:
    small, large = (add_noise(plain(128, 128, 128, side=side), 0.1, side, random()) for side in (64, 512))
    reduced = large.reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small).max() <= 1


def test_jpeg_costs_colour_first() -> None:
    rgb = plain(0, 0, 0)
    rgb[:, 16:] = 255
    assert np.abs(compress_jpeg(rgb, 95).astype(int) - rgb).max() <= 1  # the edge lies between two blocks
    rgb[:, 16:] = (255, 0, 0)
    assert np.abs(compress_jpeg(rgb, 5).astype(int) - rgb).max() > 20


def test_low_resolution_leaves_that_many_pixels() -> None:
    stripes = np.repeat((np.arange(64) % 2 * 255).astype(np.uint8)[None], 64, axis=0)[..., None].repeat(
        3, axis=2
    )
    flat = lower_resolution(stripes, 16, 64)  # four stripes in a pixel: grey
    assert np.abs(flat[:, 8:-8].astype(int) - 127).max() <= 3
    assert lower_resolution(stripes, 64, 64) is stripes
    assert lower_resolution(stripes, 128, 64) is stripes


def test_a_shadow_darkens_about_half_and_never_brightens() -> None:
    shares = []
    for seed in range(20):
        shadowed = cast_shadow(plain(200, 200, 200, side=100), 0.5, random(seed))
        assert shadowed.min() == 100
        assert shadowed.max() == 200
        shares.append((shadowed < 150).mean())
    assert 0.3 < np.mean(shares) < 0.7


def test_reflections_brighten_a_part_of_the_image() -> None:
    shares = []
    for seed in range(20):
        shining = add_reflections(plain(50, 50, 50, side=100), 1, random(seed))
        assert shining.min() >= 50
        shares.append((shining[..., 0] > 150).mean())
    assert 0.05 < np.mean(shares) < 0.3


def test_another_background_leaves_the_object_as_it_is() -> None:
    background = np.zeros((4, 4), dtype=bool)
    background[:, 2:] = True
    rgb, other = plain(100, 0, 40, side=4), plain(200, 50, 41, side=2)
    half = replace_background(rgb, 0.5, background, other)
    assert (half[:, :2] == (100, 0, 40)).all()
    assert (half[:, 2:] == (150, 25, 40)).all()  # 40.5 to the even number
    assert (replace_background(rgb, 1, background, other)[:, 2:] == (200, 50, 41)).all()


def test_a_background_alone_has_no_object_in_it() -> None:
    rgb = plain(10, 10, 10, side=4)
    rgb[0] = (250, 0, 0)
    rgb[3] = (40, 10, 10)
    background = np.ones((4, 4), dtype=bool)
    background[0] = False
    alone = background_alone(rgb, background)
    assert alone[0].tolist() == [[20, 10, 10]] * 4  # the mean of 10, 10 and 40
    assert np.array_equal(alone[1:], rgb[1:])
    assert (background_alone(rgb, np.zeros((4, 4), dtype=bool)) == GREY).all()


def test_backgrounds_need_a_mask_and_nothing_else_does() -> None:
    bare = Scene(photo(1), 72.0)
    for name in CORRUPTIONS.keys() - {BACKGROUND}:
        CORRUPTIONS[name].apply(bare, CORRUPTIONS[name].amounts[0], random())
    with pytest.raises(AssertionError):
        CORRUPTIONS[BACKGROUND].apply(bare, 0.5, random())


def test_a_large_image_is_reduced_and_a_small_one_is_not() -> None:
    rgb = photo(1, 96, 72)
    assert limit_side(rgb, 36).shape == (36, 48, 3)
    assert limit_side(rgb, 72) is rgb
    assert limit_side(rgb, None) is rgb
