"""Images from memory as files: every pixel comes back, or the image is refused with the range that is taken."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pupila.core.errors import PupilaError
from pupila.imaging.images.memory import contact_sheet, encode_lossless


def decoded(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def wide(values: list[list[int]]) -> Image.Image:
    image = Image.fromarray(np.array(values, np.int32))
    assert image.mode == "I"
    return image


def test_values_of_32_bits_that_fit_16_come_back() -> None:
    assert decoded(encode_lossless(wide([[0, 300], [40_000, 65_535]]))).tolist() == [
        [0, 300],
        [40_000, 65_535],
    ]


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (0, 65_536), (-(2**31), 2**31 - 1)])
def test_values_that_16_bits_would_clip_are_refused(low: int, high: int) -> None:
    with pytest.raises(PupilaError, match=rf"values from {low} to {high}; expected values from 0 to 65535"):
        encode_lossless(wide([[low, high]]))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.int64])
def test_arrays_of_other_types_are_refused_with_the_range(kind: type) -> None:
    with pytest.raises(PupilaError, match="uint8 from 0 to 255; grey also uint16 from 0 to 65535"):
        encode_lossless(np.zeros((2, 2), kind))


def test_floats_of_pillow_come_back() -> None:
    pixels = np.array([[-0.5, 1e6]], np.float32)
    assert decoded(encode_lossless(Image.fromarray(pixels))).tolist() == pixels.tolist()


def test_a_caption_that_is_too_long_for_a_line_gets_more_and_no_label_is_lost() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    heights = [contact_sheet([(picture, text)], 1, 80).height for text in ("cat", "cat " * 20, "cat " * 200)]
    assert heights[0] < heights[1] == heights[2]  # at most four lines
    assert contact_sheet([(picture, "cat"), (picture, "dog")], 2, 80).height == heights[0]
    sheet = np.asarray(contact_sheet([(picture, "sodium (93.1 %), sugar (88.0 %)")], 1, 90))
    below = np.asarray((sheet[97:] < 128).any(axis=(1, 2)))  # rows with ink below the image
    assert below[:12].any() and below[14:26].any()
