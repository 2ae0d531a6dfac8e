"""How a mask changes as its click moves: models whose masks are a known function of the click."""

from collections.abc import Callable
from math import acos, pi, sqrt

import numpy as np
import pytest

from pupila.artifacts.report.explanation import ClickPlace, ClickVerdict, ImageClicks
from pupila.imaging.images.decode import Array
from pupila.stages.explain.clicks import decide, draw_clicks, measure_clicks, summarise_clicks
from pupila.statistics.estimate import Estimate

SIDE = 120
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] + 0.5


def disc(x: float, y: float, radius: float = 20) -> Array:
    return np.asarray((COLUMNS - x) ** 2 + (ROWS - y) ** 2 <= radius**2)


def bar(width: int) -> Array:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[30 : 30 + width, 10:110] = True
    return mask


def measure(predict: Callable[[float, float], Array], mask: Array, x: float, y: float) -> ImageClicks:
    clicks = measure_clicks(predict, mask, (x, y))
    assert clicks is not None
    return clicks


def summarise_verdict(clicks: ImageClicks) -> str:
    summary = summarise_clicks([clicks], np.arange(1))
    assert summary is not None and summary.share.low is None
    return summary.verdict


def test_the_same_mask_for_every_click_does_not_follow_it() -> None:
    mask = disc(50, 60)
    clicks = measure(lambda x, y: mask, mask, 50, 60)
    assert clicks.share == 1 and clicks.iou == {"inside": 1, "around": 1, "elsewhere": 1}
    assert summarise_verdict(clicks) == "ignored"


def test_the_same_mask_for_every_click_inside_it_is_stable() -> None:
    mask, none = disc(50, 60), np.zeros((SIDE, SIDE), bool)
    clicks = measure(lambda x, y: mask if mask[int(y), int(x)] else none, mask, 50, 60)
    assert clicks.share == 1 and clicks.iou == {"inside": 1, "around": 0, "elsewhere": 0}
    assert summarise_verdict(clicks) == "hardly"


def test_discs_around_the_click_overlap_as_two_circles_do() -> None:
    radius = 20
    clicks = measure(disc, disc(60, 60), 60, 60)
    for each in clicks.clicks:
        apart = sqrt((each.x - 60) ** 2 + (each.y - 60) ** 2)
        lens = 0.0
        if apart < 2 * radius:
            lens = 2 * radius**2 * acos(apart / (2 * radius)) - apart / 2 * sqrt(4 * radius**2 - apart**2)
        assert each.iou == pytest.approx(lens / (2 * pi * radius**2 - lens), abs=0.03)
    # A disc of IoU 0.8 or more lies within 0.175 radii, which is 3 % of the area.
    assert clicks.share < 0.1 and summarise_verdict(clicks) == "depends"
    assert clicks.iou["inside"] > clicks.iou["around"] > clicks.iou["elsewhere"]


@pytest.mark.parametrize("mask", [disc(60, 60), bar(1), bar(40), np.ones((SIDE, SIDE), bool)],
                         ids=["disc", "line", "rectangle", "all"])  # fmt: skip
def test_about_a_hundred_clicks_lie_inside_a_mask_of_any_form_and_none_is_the_given_one(mask: Array) -> None:
    rows, columns = mask.nonzero()
    given = float(columns[len(columns) // 2]) + 0.5, float(rows[len(rows) // 2]) + 0.5
    clicks = measure(lambda x, y: mask, mask, *given).clicks
    inside = [each for each in clicks if each.place == "inside"]
    assert 80 <= len(inside) <= 130
    assert all(mask[int(each.y), int(each.x)] for each in inside)
    assert not any(mask[int(each.y), int(each.x)] for each in clicks if each.place == "around")
    assert len({(each.x, each.y) for each in clicks}) == len(clicks)
    assert min(abs(each.x - given[0]) + abs(each.y - given[1]) for each in clicks) > 0.5
    assert any(each.place == "elsewhere" for each in clicks) != mask.all()


def test_a_mask_of_one_pixel_has_no_other_click() -> None:
    mask = disc(60.5, 60.5, radius=0.4)
    assert mask.sum() == 1 and measure_clicks(lambda x, y: mask, mask, (60.5, 60.5)) is None
    assert summarise_clicks([None, None], np.arange(2)) is None


def test_figures_are_means_over_images_with_intervals_over_groups() -> None:
    mask = disc(50, 60)
    stable = measure(lambda x, y: mask, mask, 50, 60)
    moving = measure(disc, disc(60, 60), 60, 60)
    summary = summarise_clicks([stable, moving, None] * 10, np.arange(30))
    assert summary is not None and (summary.images, summary.groups) == (20, 20)
    assert summary.share.value == pytest.approx((stable.share + moving.share) / 2)
    assert summary.iou["inside"].value == pytest.approx((1 + moving.iou["inside"]) / 2)
    assert summary.share.low is not None and summary.share.low < (summary.share.value or 0)
    assert summary.verdict == "in part"


def test_a_mask_of_the_whole_image_leaves_no_click_outside() -> None:
    mask = np.ones((SIDE, SIDE), bool)
    clicks = measure(lambda x, y: mask, mask, 50, 60)
    assert [*clicks.iou] == ["inside"] and summarise_verdict(clicks) == "whole image"


@pytest.mark.parametrize(
    ("share", "elsewhere", "verdict"),
    [
        (1.0, 0.8, "ignored"), (1.0, 0.79, "hardly"), (0.9, 0.0, "hardly"), (0.89, 0.0, "in part"),
        (0.5, 0.0, "in part"), (0.49, 0.0, "depends"), (0.0, 0.7, "depends"),
    ],
)  # fmt: skip
def test_the_verdict_is_a_word(share: float, elsewhere: float, verdict: ClickVerdict) -> None:
    iou: dict[ClickPlace, Estimate] = {"inside": Estimate(value=0.9), "elsewhere": Estimate(value=elsewhere)}
    assert decide(Estimate(value=share), iou) == verdict


def test_a_square_is_green_where_the_mask_is_the_same_and_white_where_it_is_another() -> None:
    mask, none = disc(50, 60), np.zeros((SIDE, SIDE), bool)
    clicks = measure(lambda x, y: mask if mask[int(y), int(x)] else none, mask, 50, 60)
    drawn = draw_clicks(np.zeros((SIDE, SIDE, 3), np.uint8), clicks)
    inside = next(each for each in clicks.clicks if each.place == "inside")
    outside = next(each for each in clicks.clicks if each.place == "elsewhere")
    red, green, blue = drawn[int(inside.y), int(inside.x)].tolist()
    assert green > 80 and red == 0 and blue < green
    assert drawn[int(outside.y), int(outside.x)].tolist() == [204, 204, 204]
