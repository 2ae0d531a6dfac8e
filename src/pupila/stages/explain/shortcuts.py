"""Shortcuts: one place of the image that decides a class in nearly every image, such as a watermark in a corner.

A place is a suspect where the maps of a class agree on it. It is reported only where hiding it takes most of the
evidence from the model, hiding an equal place elsewhere does not, and the place is no place of objects: it lies at the
border, or shows nearly the same in all images of the class and something else in the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.report.explanation import Shortcut
from pupila.core.messages import mark
from pupila.imaging.images.decode import Array
from pupila.stages.explain.estimates import estimate_difference, estimate_mean
from pupila.stages.explain.explanation import Explanation

_CELLS = 8  # of the grid of places, along each side
_LENGTHS = range(2, 5)  # of a place, cells
_LEAST_IMAGES = 8  # of a class
_AREAS = 2.1  # times its area: share of the evidence from which a place is tested, and
_SHARE = 0.2  # the least such share
_TAKEN = (
    0.2  # share of the evidence that hiding the place has to take more than hiding another one, lower end
)
_ALIKE = 0.7  # likeness from which a place shows the same in all images of a class, and
_CONTRAST = 0.3  # how much less alike it has to be among all images: objects may lie alike in every class
Logit = Callable[[Array], Array]  # (N, 3, H, W) inputs to the (N,) logits of the class

# Row and column of the middle of a place, in thirds -> words.
_PLACES = (
    (mark("upper left corner"), mark("upper edge"), mark("upper right corner")),
    (mark("left edge"), mark("middle"), mark("right edge")),
    (mark("lower left corner"), mark("lower edge"), mark("lower right corner")),
)


@dataclass(frozen=True, slots=True)
class ClassImages:
    """The images that are explained for one class."""

    label: str
    inputs: Sequence[Array]  # (3, H, W) each, all of one size
    heats: Sequence[Array]  # (H, W) each
    views: Sequence[Array]  # (H, W, 3) uint8 each
    logits: Sequence[Logit]
    groups: Array  # (N,)
    others: Sequence[Array]  # views of the images that are explained for other classes


@dataclass(frozen=True, slots=True)
class _Place:
    """A rectangle of cells."""

    top: int
    left: int
    height: int
    width: int

    @property
    def area(self) -> float:
        """Share of the image."""
        return self.height * self.width / _CELLS**2

    @property
    def at_border(self) -> bool:
        return (
            self.top == 0
            or self.left == 0
            or self.top + self.height == _CELLS
            or self.left + self.width == _CELLS
        )

    def opposite(self) -> "_Place":
        """The place of equal size in the corner that is farthest away."""
        top = 0 if self.top + self.height / 2 > _CELLS / 2 else _CELLS - self.height
        left = 0 if self.left + self.width / 2 > _CELLS / 2 else _CELLS - self.width
        return _Place(top, left, self.height, self.width)

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns, pixels."""
        rows, columns = (np.linspace(0, side, _CELLS + 1).round().astype(int) for side in (height, width))
        return (
            slice(rows[self.top], rows[self.top + self.height]),
            slice(columns[self.left], columns[self.left + self.width]),
        )

    def words(self) -> str:
        """Where it lies, to be translated."""
        row = (self.top + self.height / 2) / _CELLS
        column = (self.left + self.width / 2) / _CELLS
        return _PLACES[min(2, int(3 * row))][min(2, int(3 * column))]


def collect_classes(
    explanations: Sequence[Explanation], inputs: Sequence[Array], logits: Sequence[Logit], groups: Array
) -> list[ClassImages]:
    """The explained images by class, of classes with enough of them; those whose views have one size."""
    if len({each.view.shape for each in explanations if each.view is not None}) != 1:
        return []
    classes = []
    for label in dict.fromkeys(each.label for each in explanations):
        own = [
            place
            for place, each in enumerate(explanations)
            if each.label == label and each.maps[0].speaks_for
        ]
        if len(own) >= _LEAST_IMAGES:
            views = [explanations[place].view for place in own]
            others = [each.view for each in explanations if each.label != label]
            classes.append(
                ClassImages(
                    label, [inputs[place] for place in own], [explanations[place].maps[0].placed for place in own],
                    [view for view in views if view is not None], [logits[place] for place in own], groups[own],
                    [view for view in others if view is not None],
                )
            )  # fmt: skip
    return classes


def find_shortcut(images: ClassImages) -> Shortcut | None:
    """The place that decides the class, if there is one.

    Suspects are the place that the maps agree on, and the one that the model misses most where it is hidden: what a
    sticker takes away from the features of a class is nowhere in the map of the other.
    """
    mean = np.mean([_share(heat) for heat in images.heats], axis=0)
    agreed = max(_all_places(), key=lambda each: _inside(mean, each) - _AREAS * each.area)
    if _inside(mean, agreed) >= max(_SHARE, _AREAS * agreed.area) and (
        shortcut := _test(images, agreed, mean)
    ):
        return shortcut
    return _test(images, _scan(images), mean)


def _scan(images: ClassImages) -> _Place:
    """The smallest place that takes most of the evidence in the mean where it is hidden."""
    places = [_Place(top, left, 2, 2) for top in range(_CELLS - 1) for left in range(_CELLS - 1)]
    taken = [
        _measure_taken(pixels, logit, places)
        for pixels, logit in zip(images.inputs, images.logits, strict=True)
    ]
    return places[int(np.argmax(np.mean(taken, axis=0)))]


def _test(images: ClassImages, place: _Place, shares: Array) -> Shortcut | None:
    """The place, if hiding it takes more evidence than hiding another one, and if it is no place of objects."""
    likeness, contrast = _measure_likeness(images, place)
    if not (place.at_border or (likeness >= _ALIKE and contrast >= _CONTRAST)):
        return None
    pairs = zip(images.inputs, images.logits, strict=True)
    taken, elsewhere = np.array([_measure_taken(*pair, [place, place.opposite()]) for pair in pairs]).T
    control = estimate_difference(taken, elsewhere, images.groups)
    if control.low is None or control.low < _TAKEN:
        return None
    return Shortcut(
        label=images.label, place=place.words(), box=_box(place), area=place.area, evidence=_inside(shares, place),
        taken=estimate_mean(taken, images.groups), elsewhere=control, likeness=likeness, images=len(images.inputs),
        groups=len(np.unique(images.groups)),
    )  # fmt: skip


def _all_places() -> list[_Place]:
    return [
        _Place(top, left, height, width)
        for height in _LENGTHS for width in _LENGTHS
        for top in range(_CELLS - height + 1) for left in range(_CELLS - width + 1)
    ]  # fmt: skip


def _share(heat: Array) -> Array:
    """The positive evidence of each cell of the grid, as a share of all of it."""
    positive = np.maximum(heat, 0)
    rows = np.add.reduceat(
        positive, np.linspace(0, heat.shape[0], _CELLS, endpoint=False).astype(int), axis=0
    )
    cells = np.add.reduceat(rows, np.linspace(0, heat.shape[1], _CELLS, endpoint=False).astype(int), axis=1)
    return np.asarray(cells / max(float(cells.sum()), 1e-12))


def _inside(shares: Array, place: _Place) -> float:
    rows, columns = slice(place.top, place.top + place.height), slice(place.left, place.left + place.width)
    return float(shares[rows, columns].sum())


def _measure_taken(pixels: Array, logit: Logit, places: list[_Place]) -> Array:
    """(P,) share of the evidence that hiding each place takes: of what hiding the whole image takes."""
    hidden = []
    for place in places:
        rows, columns = place.slices(*pixels.shape[1:])
        hidden.append(pixels.copy())
        hidden[-1][:, rows, columns] = 0
    whole, none, *parts = logit(np.stack([pixels, np.zeros_like(pixels), *hidden]))
    return (
        np.clip((whole - np.array(parts)) / (whole - none), -1, 1) if whole > none else np.zeros(len(places))
    )


def _measure_likeness(images: ClassImages, place: _Place) -> tuple[float, float]:
    """How alike the images of the class are in one cell of a place, and how much less alike all images are there.

    Likeness is 1 minus the variance between images over that of all pixels. The cell is the one that sets the class
    apart; cells are half as large as those of places, so that a small sticker fills one.
    """
    inside = (
        slice(2 * place.top, 2 * (place.top + place.height)),
        slice(2 * place.left, 2 * (place.left + place.width)),
    )
    own = _measure_cells(images.views)[inside]
    contrast = own - _measure_cells([*images.views, *images.others])[inside]
    cell = np.unravel_index(np.argmax(np.where(own >= _ALIKE, contrast, own - 2)), own.shape)
    return float(own[cell]), float(contrast[cell])


def _measure_cells(views: Sequence[Array]) -> Array:
    """The likeness of images in each cell."""
    grey = np.stack([view.mean(axis=2) for view in views])
    rows, columns = (np.linspace(0, side, 2 * _CELLS, endpoint=False).astype(int) for side in grey.shape[1:])
    between = np.add.reduceat(np.add.reduceat(grey.var(axis=0), rows, axis=0), columns, axis=1)
    sizes = np.outer(
        *(np.diff([*starts, side]) for starts, side in zip((rows, columns), grey.shape[1:], strict=True))
    )
    return np.asarray(1 - between / sizes / max(float(grey.var()), 1e-9))


def _box(place: _Place) -> tuple[float, float, float, float]:
    """Left, top, right and bottom, as shares of the sides."""
    edges = (place.left, place.top, place.left + place.width, place.top + place.height)
    left, top, right, bottom = (edge / _CELLS for edge in edges)
    return left, top, right, bottom
