"""Tables of predicted masks."""

from collections.abc import Sequence

from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.core.messages import say

MASK = "mask"  # path of a mask file beside the table; out of fold the bytes of a PNG of class indices
WIDTH, HEIGHT = "width", "height"  # pixels of the upright image
REGION_FIGURES = ("share", "regions", "pixels", "mean", "largest")  # of each class


def figure_column(figure: str, name: str) -> str:
    """The column with a figure of a class, such as `share:water`."""
    return f"{figure}:{name}"


def _written(classes: Sequence[str]) -> list[str]:
    figures = [figure_column(figure, name) for name in classes for figure in REGION_FIGURES]
    return [IMAGE, MASK, WIDTH, HEIGHT, CONFIDENCE, ABSTAINED, ERROR, *figures]


def readable_masks(there: Sequence[str], classes: Sequence[str]) -> list[str]:
    """The column of masks, where it is there."""
    return [name for name in there if name == MASK]


def expect_masks() -> str:
    """What a table of masks needs, in words."""
    return say("columns image and mask, the path of a mask file beside the table")


def _out_of_fold(classes: Sequence[str]) -> list[str]:
    return [MASK]


SEGMENT = PredictionColumns(_written, readable_masks, expect_masks, _out_of_fold)
