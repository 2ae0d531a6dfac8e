"""What each image, or each prompted mask, contributes to the metrics that are means over them."""

from dataclasses import dataclass
from typing import Literal

from pupila.imaging.images.decode import Array

Unit = Literal["images", "masks"]  # what is scored: in sentences and tables


@dataclass(frozen=True, slots=True)
class ImageScores:
    """The scores of U images, or of U prompted masks."""

    unit: Unit
    rows: list[int]  # U rows of the data set; of a mask that of its image
    groups: Array  # (U,) group numbers
    scores: dict[
        str, Array
    ]  # by id of the metric that is their mean: (U,) 0..1; NaN where one does not count
    sizes: Array | None = None  # (U,) share of the labelled pixels that is object, 0..1; None: no masks
