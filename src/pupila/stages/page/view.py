"""What the page shows of a prediction, whatever its task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share with a bar."""

    name: str
    share: float  # 0..1
    note: str = ""
    colour: str = ""  # of the mask, such as #ff0000; empty: none is drawn


@dataclass(frozen=True, slots=True)
class TaskView:
    """How one task's predictions are shown.

    Args:
        title: of the figures.
        figures: of a prediction's value, the most important one first.
        class_names: the classes under which a summary counts a prediction's value.
        text: a prediction's value on one line of a table.
        mask: (H, W) uint8 class indices, and the number of classes; None: the prediction has none.
        explains: whether the service draws heat maps.
        feedback: what a person may give as the right label.
    """

    title: str  # for sentences, to be translated
    figures: Callable[[Any], list[Figure]]
    class_names: Callable[[Any], tuple[str, ...]]
    text: Callable[[Any], str] = str
    mask: Callable[[Any], tuple[Array, int] | None] = lambda _: None
    explains: bool = True
    feedback: Literal["one", "several", "none"] = "none"


def sort_shares(shares: dict[str, float]) -> list[tuple[str, float]]:
    """Names with their shares, the largest first."""
    order = np.argsort([-share for share in shares.values()], kind="stable")
    names = list(shares)
    return [(names[index], shares[names[index]]) for index in order.tolist()]
