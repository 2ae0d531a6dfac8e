"""Prompts on pictures: where they are, in their colours."""

import numpy as np

from pupila.imaging.masks.drawing import draw_prompt


def test_points_and_boxes_are_drawn_where_they_are() -> None:
    drawn = draw_prompt(
        np.zeros((60, 100, 3), np.uint8), [(20.5, 30.5)], [(70.5, 10.5)], (40.0, 20.0, 90.0, 50.0)
    )
    green, red, yellow = drawn[30, 20].tolist(), drawn[10, 70].tolist(), drawn[20, 60].tolist()
    assert green[1] > 2 * max(green[0], green[2])
    assert red[0] > 2 * max(red[1], red[2])
    assert min(yellow[:2]) > 200 > yellow[2]
    assert drawn[49, 60].tolist() == drawn[35, 40].tolist() == drawn[35, 89].tolist() == yellow
    assert not drawn[35, 65].any() and not drawn[51:].any() and not drawn[:, 91:].any()


def test_a_box_beyond_the_picture_shows_its_edges() -> None:
    drawn = draw_prompt(np.zeros((40, 40, 3), np.uint8), [], [], (-5.0, -5.0, 50.0, 45.0))
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert edge.any(axis=1).all()
