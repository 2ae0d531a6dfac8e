"""Colours of masks saved as JPEG: each class is a cloud of colours, and borders hold mixtures of two."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.masks.label_map import MOST_CLASSES, NEAR, unpack_rgb

Array = NDArray[Any]

_CLASS, _DOUBT = (
    0.02,
    0.002,
)  # share of the pixels from which a cloud is a class, and from which it may be one
_CLEAR = 0.06  # share of the pixels from which a cloud is a class even where it may be a mixture
_AROUND = 40  # distance within which colours belong to a cloud already chosen
_CENTRES, _COLOURS = 256, 4096  # the most frequent colours that are tried as centres, and that are weighed
_LINE = 40  # distance from the line between two classes within which a colour is a mixture
# Source: ITU-T T.871 (JFIF); brightness and the two colour differences, which JPEG stores at half the size.
_YCC = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])


def find_clouds(total: dict[int, int]) -> list[int]:
    """The colours of classes.

    Args:
        total: colour 0xRRGGBB to pixels.

    Raises:
        PupilaError: a cloud may be a small class or damage.
    """
    values = np.array(sorted(total, key=lambda v: (-total[v], v))[:_COLOURS])
    weights = np.array([total[value] for value in values.tolist()])
    points = unpack_rgb(values).astype(np.float64)
    pixels, chosen, doubtful, small = sum(total.values()), list[int](), list[int](), list[int]()
    for _ in range(2 * MOST_CLASSES):
        centres = np.argsort(-weights, kind="stable")[:_CENTRES]
        centres = centres[weights[centres] > 0]
        near = [((points - points[centre]) ** 2).sum(axis=1) <= NEAR**2 for centre in centres]
        sums = [int(weights[some].sum()) for some in near]
        if not sums or max(sums) < _DOUBT * pixels:
            break
        best = int(np.argmax(sums))
        shown = int(np.argmax(np.where(near[best], weights, 0)))
        if max(sums) >= _CLASS * pixels:
            chosen.append(shown)
            small += [shown] if max(sums) < _CLEAR * pixels else []
        else:
            doubtful.append(shown)
            small += [shown] if max(sums) >= _CLASS * pixels / 2 else []
        weights = np.where(((points - points[centres[best]]) ** 2).sum(axis=1) <= _AROUND**2, 0, weights)
    open_ = [place for place in doubtful if not _is_mixture(points[place], points[chosen])]
    clear = [place for place in chosen if place not in small]
    open_ += [place for place in small if len(clear) > 1 and _is_mixture(points[place], points[clear])]
    if open_:
        raise PupilaError(
            say("The masks are JPEG, and some colours may be small classes or damage"),
            actual=listing([f"#{value:06x}" for value in values[open_].tolist()], 4),
            expected=say("the colour of each class, for example {example}", example='{"road": [128, 64, 128]}'),
            remedy=say("write them into classes.json beside the masks, or save the masks as PNG"),
        )  # fmt: skip
    return [int(values[place]) for place in chosen]


def _is_mixture(point: Array, classes: Array) -> bool:
    """Whether a colour mixes two of the classes, all of it or its colour differences alone."""
    first, second = (classes[part] for part in np.triu_indices(len(classes), 1))
    if not len(first):
        return True
    if bool((_distance(point, first, second) <= _LINE).any()):
        return True
    own, start, end = point @ _YCC.T, first @ _YCC.T, second @ _YCC.T
    differences = _distance(own[1:], start[:, 1:], end[:, 1:]) <= _LINE
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    return bool((differences & (own[0] >= low - _LINE) & (own[0] <= high + _LINE)).any())


def _distance(point: Array, first: Array, second: Array) -> Array:
    """(N,) distance of the point from the line between each first and second one."""
    line, own = second - first, point - first
    along = np.clip((own * line).sum(axis=1) / np.maximum((line**2).sum(axis=1), 1), 0, 1)
    return np.asarray(np.linalg.norm(own - along[:, None] * line, axis=1))
