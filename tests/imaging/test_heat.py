"""Heat maps are drawn on one scale, and stored so that the evidence can be read back."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pupila.imaging.images.heat import AGAINST, FOR, colour_bar, encode_heat, overlay_heat, place_heat

GREY = np.full((6, 6, 3), 100, np.uint8)


def test_no_evidence_has_no_colour_and_each_sign_its_own() -> None:
    heat = np.zeros((6, 6))
    heat[0, 0], heat[5, 5] = 1.0, -1.0
    drawn = overlay_heat(GREY, heat, 1.0)
    assert (drawn[1:5, 1:5] == 100).all()
    assert drawn[0, 0, 0] > drawn[0, 0, 2] and drawn[5, 5, 2] > drawn[5, 5, 0]
    assert abs(int(drawn[5, 5, 2]) - (0.2 * 100 + 0.8 * AGAINST[2])) <= 1


def test_the_same_evidence_has_the_same_colour_whatever_else_is_there() -> None:
    weak, strong = np.full((6, 6), 0.1), np.full((6, 6), 0.1)
    strong[3, 3] = 5.0
    a, b = overlay_heat(GREY, weak, 2.0), overlay_heat(GREY, strong, 2.0)
    assert (a[0] == b[0]).all() and a[3, 3].tolist() != b[3, 3].tolist()
    assert (overlay_heat(GREY, weak, 0.0) == 100).all()  # nothing to scale by


def test_a_line_encloses_what_exceeds_half_of_the_scale() -> None:
    heat = np.zeros((6, 6))
    heat[1:5, 1:5] = 0.6
    drawn = overlay_heat(GREY, heat, 1.0)
    line = (drawn == FOR).all(axis=2)
    assert line[1, 1:5].all() and line[1:5, 4].all() and not line[2:4, 2:4].any() and not line[0].any()


def test_the_file_has_the_evidence_in_16_bits() -> None:
    heat = np.array([[-2.0, -0.5, 0.0], [0.25, 1.0, 3.0]])
    stored = np.asarray(Image.open(io.BytesIO(encode_heat(heat, 2.0))))
    assert stored.dtype == np.uint16
    read = (stored / 65535 * 2 - 1) * 2.0
    assert np.abs(read - np.clip(heat, -2, 2)).max() < 2.0 / 65535
    assert (np.asarray(Image.open(io.BytesIO(encode_heat(heat, 0.0)))) == 32768).all()


def test_the_bar_goes_from_against_to_for() -> None:
    bar = colour_bar(101, 5)
    assert bar.shape == (5, 101, 3) and bar[2, 0, 2] > bar[2, 0, 0] and bar[2, -1, 0] > bar[2, -1, 2]
    assert bar[2, 50].tolist() == [235, 235, 235]


def test_evidence_is_stretched_over_its_box_and_is_zero_outside() -> None:
    cells = np.array([[1.0, 3.0]])
    whole = place_heat(cells, 2, 4, (0.0, 0.0, 4.0, 2.0))
    assert whole[0].tolist() == whole[1].tolist() == [1.0, 1.5, 2.5, 3.0]  # bilinear, by hand
    inside = place_heat(cells, 4, 8, (2.0, 1.0, 6.0, 3.0))
    assert (inside[1:3, 2:6] == whole).all() and inside.sum() == whole.sum()
    beyond = place_heat(cells, 2, 4, (-2.0, 0.0, 6.0, 2.0))  # the image is the middle of its box
    assert beyond[0].tolist() == [1.25, 1.75, 2.25, 2.75]


@given(st.tuples(*[st.floats(-20, 20)] * 2), st.tuples(*[st.floats(1, 40)] * 2))
def test_any_box_is_placed_within_its_evidence(
    corner: tuple[float, float], size: tuple[float, float]
) -> None:
    cells = np.array([[1.0, 2.0], [3.0, 4.0]])
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    placed = place_heat(cells, 12, 10, box)
    assert placed.shape == (12, 10) and ((placed == 0) | ((placed >= 1) & (placed <= 4))).all()
