"""Brightness and sharpness by hand, whatever the normalisation."""

import numpy as np
import pytest

from pupila.imaging.images.appearance import measure_appearance
from pupila.imaging.images.preprocess import Preprocessing, preprocess
from pupila.imaging.images.signatures import find_suffix
from tests.pictures import encoded, photo

SPEC = Preprocessing(height=4, width=4)


def test_a_flat_image_is_as_bright_as_its_grey_and_not_sharp() -> None:
    for grey in (0, 51, 255):
        inputs = preprocess(np.full((4, 4, 3), grey, np.uint8), SPEC)[None]
        brightness, sharpness = measure_appearance(inputs, SPEC)
        assert brightness == pytest.approx(grey / 255, abs=1e-6) and sharpness == pytest.approx(0, abs=1e-6)


def test_stripes_differ_in_one_direction_alone() -> None:
    stripes = np.zeros((4, 4, 3), np.uint8)
    stripes[:, ::2] = 255
    inputs = preprocess(stripes, SPEC)[None]
    assert measure_appearance(inputs, SPEC) == pytest.approx((0.5, 0.5), abs=1e-6)
    assert measure_appearance(np.concatenate([inputs, inputs]), SPEC) == pytest.approx((0.5, 0.5), abs=1e-6)


@pytest.mark.parametrize(("format", "suffix"), [
    ("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tif"),
    ("AVIF", ".avif"), ("JPEG2000", ".jp2"), ("PPM", ".ppm"),
])  # fmt: skip
def test_a_file_gets_the_suffix_of_its_content(format: str, suffix: str) -> None:
    assert find_suffix(encoded(photo(0), format)) == suffix
