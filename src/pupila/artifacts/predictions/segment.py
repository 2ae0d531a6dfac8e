"""Tables of predicted masks."""

from collections.abc import Sequence

from pydantic import Field

from pupila.artifacts.predictions.columns import ABSTAINED, CONFIDENCE, ERROR, IMAGE, PredictionColumns
from pupila.artifacts.predictions.rows import PredictionRow
from pupila.core.messages import say
from pupila.core.records import Record

MASK = "mask"  # path of a mask file beside the table; out of fold the bytes of a PNG of class indices
WIDTH, HEIGHT = "width", "height"  # pixels of the upright image


class ClassRegions(Record):
    """A class in one image: its share of the predicted pixels, and its connected regions."""

    share: float = Field(description="of the predicted pixels, 0..1")
    regions: int = Field(description="number of connected regions")
    pixels: int = Field(description="pixels of all regions")
    mean: float = Field(description="mean pixels of a region; 0 without any")
    largest: int = Field(description="pixels of the largest region")


class MaskRow(PredictionRow):
    """The predicted mask of an image."""

    width: int = Field(description="pixels of the upright image")
    height: int = Field(description="pixels of the upright image")
    confidence: float = Field(
        description="mean calibrated probability of the predicted class over the pixels"
    )
    abstained: bool = Field(description="whether the confidence is below the abstention threshold")
    classes: dict[str, ClassRegions]
    mask: str | None = Field(default=None, description="path of the mask's file, where one was written")
    overlay: str | None = Field(default=None, description="path of the image with its mask")
    polygons: str | None = Field(default=None, description="path of the outlines of a GeoTIFF")


def figure_column(figure: str, name: str) -> str:
    """The column with a figure of a class, such as `share:water`."""
    return f"{figure}:{name}"


def _written(classes: Sequence[str]) -> list[str]:
    figures = [figure_column(figure, name) for name in classes for figure in ClassRegions.model_fields]
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
