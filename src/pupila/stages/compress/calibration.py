"""The training images that int8 measures its ranges on."""

from collections.abc import Iterator
from dataclasses import dataclass

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.decode import Array, ImageFault


@dataclass(frozen=True, slots=True)
class CalibrationImages:
    """Training images."""

    paths: list[str]
    hashes: list[str]  # SHA-256 of each

    def inputs(self, predictor: Predictor) -> Iterator[Array]:
        """The (1, 3, H, W) inputs of each image, tiles one by one; an image that can't be read is left out."""
        for path in self.paths:
            try:
                image = predictor.preprocess(files.read_bytes(path))
            except (ImageFault, OSError):
                continue
            for pixels in image.inputs:
                yield pixels[None]


def choose_images(data: Dataset, splits: SplitFile, most: int) -> CalibrationImages:
    """At most so many training images, each class with its share; of a split into folds those of all folds.

    Raises:
        PupilaError: the split has no training image.
    """
    targets, hashes = data.images["target"].to_list(), data.images["sha256"].to_list()
    rows = [row for row, each in enumerate(splits.images) if each.split == TRAIN and targets[row] is not None]
    if not rows:
        raise PupilaError(
            say("No labelled image in the {split} split", split=TRAIN), actual="splits.json",
            expected=say("training images to measure ranges on"),
        )  # fmt: skip
    rows.sort(key=lambda row: (str(targets[row]) if data.target != "mask" else "", hashes[row]))
    count = min(most, len(rows))
    chosen = [rows[number * len(rows) // count] for number in range(count)]
    return CalibrationImages([data.path(row) for row in chosen], [hashes[row] for row in chosen])
