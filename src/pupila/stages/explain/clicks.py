"""How the mask of a prompt changes as its click moves: inside the mask, around it, and elsewhere in the image."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from pupila.artifacts.report.explanation import (
    CLICK_PLACES,
    ClickPlace,
    ClickStability,
    ClickVerdict,
    ImageClicks,
    MovedClick,
)
from pupila.imaging.images.decode import Array
from pupila.stages.explain.estimates import estimate_mean
from pupila.statistics.estimate import Estimate

SAME = 0.8  # IoU from which two masks are of the same region
HARDLY, IN_PART = (
    0.9,
    0.5,
)  # shares of the clicks inside a mask from which it hardly, or in part, depends on them
_INSIDE = 100  # about so many clicks lie inside the mask
_COARSE = 7  # clicks along each side of the image, of which those elsewhere count
_OTHER, _EQUAL, _STRENGTH = (255, 255, 255), (0, 109, 44), 0.8  # colours of IoU 0 and 1, and their opacity


def measure_clicks(
    predict: Callable[[float, float], Array], mask: Array, click: tuple[float, float]
) -> ImageClicks | None:
    """Predict a mask for other clicks: on a grid inside the mask and one step around it, and on a coarse one elsewhere.

    Args:
        predict: x and y of a click to its (H, W) bool mask.
        mask: (H, W) bool, of the given click; some pixel is set.
        click: x and y.

    Returns:
        None where no other click lies inside the mask.
    """
    step = max(1.0, float(mask.sum() / _INSIDE) ** 0.5)
    clicks = [
        MovedClick(x=x, y=y, place=place, iou=_measure_iou(mask, predict(x, y)))
        for x, y, place in _list_places(mask, click, step)
    ]
    overlaps = {place: [each.iou for each in clicks if each.place == place] for place in CLICK_PLACES}
    if not overlaps["inside"]:
        return None
    return ImageClicks(
        share=float((np.array(overlaps["inside"]) >= SAME).mean()), step=step, clicks=clicks,
        iou={place: float(np.mean(values)) for place, values in overlaps.items() if values},
    )  # fmt: skip


def _list_places(
    mask: Array, click: tuple[float, float], step: float
) -> Iterator[tuple[float, float, ClickPlace]]:
    """x and y of the other clicks, and where they lie."""
    extents = mask.shape[::-1]
    grids = (np.arange(start % step, side, step) for start, side in zip(click, extents, strict=True))
    columns, rows = (
        grid[grid < side] for grid, side in zip(grids, extents, strict=True)
    )  # which may round up
    inside = mask[np.ix_(rows.astype(int), columns.astype(int))]
    padded, (height, width) = np.pad(inside, 1), inside.shape
    near = np.any([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    given = int(click[1] // step), int(click[0] // step)
    for row, column in zip(*near.nonzero(), strict=True):
        if (row, column) != given:
            yield float(columns[column]), float(rows[row]), "inside" if inside[row, column] else "around"
    across, down = ((np.arange(_COARSE) + 0.5) * side / _COARSE for side in extents)
    for x, y in product(across.tolist(), down.tolist()):
        if not near[min(int(y // step), height - 1), min(int(x // step), width - 1)]:
            yield x, y, "elsewhere"


def _measure_iou(first: Array, other: Array) -> float:
    return float((first & other).sum() / (first | other).sum())


def summarise_clicks(images: Sequence[ImageClicks | None], groups: Array) -> ClickStability | None:
    """The figures over N images, (N,) groups; None where none has any."""
    measured = [
        (each, group) for each, group in zip(images, groups.tolist(), strict=True) if each is not None
    ]
    if not measured:
        return None
    share = _estimate([(each.share, group) for each, group in measured])
    iou = {
        place: _estimate(values)
        for place in CLICK_PLACES
        if (values := [(each.iou[place], group) for each, group in measured if place in each.iou])
    }
    return ClickStability(
        images=len(measured), groups=len({group for _, group in measured}), share=share, iou=iou,
        inside=sum(click.place == "inside" for each, _ in measured for click in each.clicks),
        verdict=decide(share, iou),
    )  # fmt: skip


def _estimate(values: Sequence[tuple[float, int]]) -> Estimate:
    """The mean of values, each with its group."""
    return estimate_mean(np.array([value for value, _ in values]), np.array([group for _, group in values]))


def decide(share: Estimate, iou: dict[ClickPlace, Estimate]) -> ClickVerdict:
    """The verdict.

    Args:
        share: of the clicks inside a mask that give the same mask.
        iou: of the clicks of each place that there are; without one outside, the mask is the whole image.
    """
    stable = (share.value or 0) >= HARDLY
    if stable and iou.keys() == {"inside"}:
        return "whole image"
    if "elsewhere" in iou and (iou["elsewhere"].value or 0) >= SAME:
        return "ignored"
    if stable:
        return "hardly"
    return "in part" if (share.value or 0) >= IN_PART else "depends"


def draw_clicks(rgb: Array, clicks: ImageClicks) -> Array:
    """The image in grey with a square for each click, from white, IoU 0, to green, IoU 1.

    Args:
        rgb: (H, W, 3) uint8.
        clicks: in its pixels.
    """
    drawn = rgb.mean(axis=2, keepdims=True).repeat(3, axis=2)
    half = clicks.step / 2
    for each in clicks.clicks:
        rows, columns = (slice(max(0, round(at - half)), max(1, round(at + half))) for at in (each.y, each.x))
        colour = each.iou * np.array(_EQUAL) + (1 - each.iou) * np.array(_OTHER)
        drawn[rows, columns] = (1 - _STRENGTH) * drawn[rows, columns] + _STRENGTH * colour
    return np.asarray(drawn.round().astype(np.uint8))
