"""What the masks of a data set lose when they are resized: the smaller an object, the larger the image has to be."""

from dataclasses import dataclass

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.imaging.masks.codec import resize_mask
from pupila.learning.models.segment import SIDE
from pupila.statistics.metrics.segment import confusion_counts, iou

TILE_SIDE = 256  # pixels
TOO_COARSE = (
    0.9  # IoU of a class with itself after resizing down and up; below it a larger size or tiles are better
)
LARGER_SIZES = (SIDE, 320, 384, 448, 512)  # pixels, where SIDE is too coarse
DEFAULT_INPUTS = 2000  # inputs of SIDE x SIDE of a fine-tuning by default: some minutes on two cores
LEAST_EPOCHS, MOST_EPOCHS = 6, 48  # of a fine-tuning by default
_MASKS_MEASURED = 24  # masks


@dataclass(frozen=True, slots=True)
class MaskSizes:
    """Image and mask sizes of a data set."""

    data: Dataset
    rows: list[int]  # outside the sealed test split
    side: int  # the median of the shorter sides, pixels
    stride: int  # pixels; image sizes are multiples of it

    @property
    def pixels(self) -> float:
        """Mean number of pixels of an image."""
        return float((self.data.images["width"].cast(int) * self.data.images["height"].cast(int)).mean())  # type: ignore[arg-type]

    def find_worst_class(self, side: int) -> tuple[str, float]:
        """The class that loses most when masks are resized to a square, and its IoU with itself after resizing back."""
        rows, classes = self.rows, len(self.data.classes)
        total = np.zeros((classes + 1, classes + 1), dtype=np.int64)  # the last one: pixels without a label
        for row in rows[:: max(1, len(rows) // _MASKS_MEASURED)][:_MASKS_MEASURED]:
            mask = self.data.mask(row)
            back = np.minimum(resize_mask(resize_mask(mask, side, side), *mask.shape), classes)
            total += confusion_counts(mask, back, classes + 1)
        ious = iou(total[:classes, :classes])
        worst = int(ious.argmin())
        return self.data.classes[worst], float(ious[worst])

    def pick_size(self, sizes: tuple[int, ...]) -> int | None:
        """The smallest size at which no class is too coarse; None where it costs more than tiles, or there is none."""
        fitting = (size for size in sizes if size == min(sizes) or size**2 <= self.pixels)
        return next((size for size in fitting if self.find_worst_class(size)[1] >= TOO_COARSE), None)

    def count_inputs(self, view: str, side: int) -> float:
        """Inputs of an epoch, in the cost of those of SIDE x SIDE."""
        each = max(1.0, self.pixels / side**2) if view == "tile" else 1.0
        return len(self.rows) * each * (side / SIDE) ** 2


def pick_epochs(inputs: float) -> tuple[int, str]:
    """Epochs of a fine-tuning whose epochs have so many inputs, see `count_inputs`; and the reason."""
    epochs = int(np.clip(round(DEFAULT_INPUTS / inputs), LEAST_EPOCHS, MOST_EPOCHS))
    return epochs, say(
        "as many as cost about {most} images of {side} pixels, {least} to {limit}; an epoch costs {n}",
        most=DEFAULT_INPUTS, side=SIDE, least=LEAST_EPOCHS, limit=MOST_EPOCHS, n=round(inputs),
    )  # fmt: skip
