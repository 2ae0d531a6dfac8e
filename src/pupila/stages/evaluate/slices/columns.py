"""The slices of a column: its values, or thirds of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array

SIZE = "size"  # instead of a column: the share of the labelled pixels that is object
FEW = 6  # different numbers that are slices of their own, as codes are; more are cut into thirds
Cells = Sequence[object]  # one for each image of a data set; None: no value


@dataclass(frozen=True, slots=True)
class Part:
    """One slice."""

    value: str | None
    low: float | None
    high: float | None
    inside: Array  # (U,) bool


def cut(cells: Cells, by: str) -> tuple[list[Part], bool]:
    """The slices of U cells in the order of their values, those without a value last; whether they are thirds.

    Args:
        cells: U; None, NaN and empty text are no value.
        by: what the user calls them.

    Raises:
        PupilaError: no cell has a value.
    """
    known = np.array([_is_known(cell) for cell in cells], dtype=bool)
    if not known.any():
        raise PupilaError(
            say("--by {by}: none of the evaluated images has a value", by=by), actual=say("an empty column"),
            expected=say("a column with values"),
        )  # fmt: skip
    numbers = _numbers(cells, known)
    thirds = numbers is not None and len(np.unique(numbers[known])) > FEW
    parts = _thirds(numbers, known) if thirds and numbers is not None else _values(cells, known)
    missing = [] if known.all() else [Part(None, None, None, ~known)]
    return parts + missing, thirds


def _is_known(cell: object) -> bool:
    return cell is not None and cell == cell and str(cell).strip() != ""  # NaN differs from itself


def _numbers(cells: Cells, known: Array) -> Array | None:
    """(U,) float64 numbers, NaN where there is no value; None where a cell is no number."""
    try:
        return np.array(
            [float(str(cell)) if there else np.nan for cell, there in zip(cells, known, strict=True)]
        )
    except ValueError:
        return None


def _thirds(numbers: Array, known: Array) -> list[Part]:
    """Up to three parts of about equal numbers of images; equal numbers are never parted."""
    edges = np.unique(np.quantile(numbers[known], [1 / 3, 2 / 3], method="inverted_cdf"))
    edges = edges[edges < numbers[known].max()]
    ends: list[float | None] = [None, *edges.tolist(), None]
    parts = []
    for low, high in pairwise(ends):
        above = numbers > low if low is not None else known
        below = numbers <= high if high is not None else known
        parts.append(Part(None, low, high, np.asarray(above & below & known)))
    return parts


def _values(cells: Cells, known: Array) -> list[Part]:
    texts = np.array([str(cell) if there else "" for cell, there in zip(cells, known, strict=True)])
    return [
        Part(str(value), None, None, np.asarray(known & (texts == value)))
        for value in np.unique(texts[known])
    ]
