"""From RGB to a model's input: geometry and numbers by hand."""

from typing import Any

import numpy as np
import pytest

from pupila.imaging.images.decode import decode
from pupila.imaging.images.preprocess import Preprocessing, input_box, min_decode_side, preprocess
from tests.pictures import Pixels, encoded, photo


def plain(**changes: Any) -> Preprocessing:
    """A preparation that leaves 0..1 as it is."""
    return Preprocessing.model_validate({"mean": (0, 0, 0), "std": (1, 1, 1), **changes})


def test_normalising_has_the_hand_computed_values() -> None:
    rgb = np.full((4, 4, 3), (255, 0, 51), dtype=np.uint8)
    out = preprocess(rgb, plain(height=2, width=2, mean=(0.5, 0.5, 0.1), std=(0.5, 0.25, 0.2)))
    # (1 - 0.5) / 0.5 = 1; (0 - 0.5) / 0.25 = -2; (0.2 - 0.1) / 0.2 = 0.5
    assert out.shape == (3, 2, 2)
    assert out.dtype == np.float32
    assert out.flags["C_CONTIGUOUS"]
    assert np.allclose(out[:, 0, 0], [1, -2, 0.5], atol=1e-6)


def striped() -> Pixels:
    """(4, 8, 3): left half black, right half white."""
    return np.repeat(np.repeat([[0] * 4 + [255] * 4], 4, axis=0)[..., None], 3, axis=2).astype(np.uint8)


def test_squash_keeps_the_whole_image() -> None:
    out = preprocess(striped(), plain(height=4, width=4, fit="squash", interpolation="nearest"))
    assert out[0, 0].tolist() == [0, 0, 1, 1]


def test_crop_fills_and_cuts_the_centre() -> None:
    out = preprocess(striped(), plain(height=2, width=2, fit="crop", interpolation="nearest"))
    # scaled to 2 x 4, the two columns in the middle are kept
    assert out[0, 0].tolist() == [0, 1]


def test_pad_fits_inside_and_fills_the_border() -> None:
    spec = plain(height=4, width=4, fit="pad", interpolation="nearest", padding=51)
    out = preprocess(striped(), spec)
    # scaled to 2 x 4: one row of padding above and below
    assert np.allclose(out[0, :, 0], [0.2, 0, 0, 0.2])
    assert np.allclose(out[0, :, 3], [0.2, 1, 1, 0.2])


def test_crop_share_cuts_more() -> None:
    rgb = np.zeros((8, 8, 3), dtype=np.uint8)
    rgb[2:6, 2:6] = 255
    spec = plain(height=4, width=4, fit="crop", crop_share=0.5, interpolation="nearest")
    assert preprocess(rgb, spec).min() == 1.0


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (33, 17)])
def test_any_size_becomes_the_input_size(fit: str, shape: tuple[int, int]) -> None:
    spec = Preprocessing.model_validate({"height": 8, "width": 12, "fit": fit})
    out = preprocess(photo(1, shape[1], shape[0]), spec)
    assert out.shape == (3, 8, 12)
    assert np.isfinite(out).all()


def test_loading_by_scaled_decoding_stays_close_to_whole_decoding() -> None:
    data = encoded(photo(2, 900, 700), "JPEG", quality=95)
    spec = plain(height=64, width=64)
    whole, scaled = (preprocess(decode(data, min_side=side), spec) for side in (None, min_decode_side(spec)))
    assert 0 < np.abs(whole - scaled).mean() < 0.02


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({"fit": "squash"}, (0, 0, 80, 40)),
        ({"fit": "crop"}, (20, 0, 60, 40)),  # scaled to 20 x 10: five columns cut on each side
        ({"fit": "crop", "crop_share": 0.5}, (30, 10, 50, 30)),
        ({"fit": "pad"}, (0, -24, 80, 56)),  # scaled to 10 x 5: three rows above, two below
        ({"fit": "corner"}, (0, 0, 80, 80)),
    ],
)
def test_the_box_of_the_input_by_hand(changes: dict[str, Any], box: tuple[float, ...]) -> None:
    assert input_box(40, 80, plain(height=10, width=10, **changes)) == pytest.approx(box)


@pytest.mark.parametrize("fit", ["squash", "crop", "pad", "corner"])
@pytest.mark.parametrize("shape", [(90, 120), (200, 100)])
def test_a_mark_in_the_input_lies_where_the_box_puts_it(fit: str, shape: tuple[int, int]) -> None:
    spec = plain(height=48, width=64, fit=fit)
    height, width = shape
    rgb = np.zeros((height, width, 3), np.uint8)
    row, column = height // 2 - 9, width // 2 + 11
    rgb[row - 3 : row + 3, column - 3 : column + 3] = 255
    light = preprocess(rgb, spec)[0]
    rows, columns = (np.average(np.arange(n) + 0.5, weights=light.sum(axis=1 - axis))
                     for axis, n in enumerate(light.shape))  # fmt: skip
    left, top, right, bottom = input_box(height, width, spec)
    assert top + rows / 48 * (bottom - top) == pytest.approx(row, abs=0.5)
    assert left + columns / 64 * (right - left) == pytest.approx(column, abs=0.5)
