"""The training images that int8 measures its ranges on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import TRAIN
from pupila.imaging.images.decode import Array, ImageFault


@dataclass(frozen=True, slots=True)
class CalibrationImages:
    """Training images."""

    paths: list[str]
    digests: list[str]  # SHA-256 of each
    unread: set[str] = field(default_factory=set)  # SHA-256 of those that can't be read, once they were tried

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of those that are used."""
        return [digest for digest in self.digests if digest not in self.unread]

    def inputs(self, predictor: Predictor) -> Iterator[Array]:
        """The (1, 3, H, W) input of each image; one that can't be read is noted in `unread`.

        Of an image in tiles it is one of them, from the first to the last over the images.

        Raises:
            PupilaError: none can be read.
        """
        for number, (path, digest) in enumerate(zip(self.paths, self.digests, strict=True)):
            try:
                image = predictor.preprocess(files.read_bytes(path))
            except (ImageFault, OSError):
                self.unread.add(digest)
                continue
            tile = number * len(image.inputs) // len(self.paths)
            yield image.inputs[tile][None]
        if not self.hashes:
            raise PupilaError(
                say("No calibration image can be read"), actual=listing(self.paths),
                expected=say("training images to measure ranges on"), remedy="pupila doctor DATA",
            )  # fmt: skip


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
