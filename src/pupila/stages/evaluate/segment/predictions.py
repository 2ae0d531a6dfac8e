"""The masks that models answer: counted against the truth image by image, and never all in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.threads import ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.codec import SAME_SHAPE, from_png, resized, stored_values
from pupila.imaging.masks.label_map import NO_DATA
from pupila.stages.evaluate.predictions import Answers, Ask
from pupila.statistics.metrics.boundary import boundary_counts
from pupila.statistics.metrics.overlap import Overlaps
from pupila.statistics.metrics.segment import counts

_HALF = 128  # of 0..255, from which a mask of two classes is foreground

Masks = Callable[[list[int]], Iterator[Array]]


@dataclass(frozen=True)
class MaskAnswers(Answers):
    """What is kept of the masks of N images."""

    regions: Array  # (N, C, C), see `metrics.segment.counts`
    boundaries: Array  # (N, C, 3), see `metrics.boundary.boundary_counts`
    masks: Masks  # (H, W) uint8 answers to rows, made again for the few that are shown

    @property
    def overlaps(self) -> Overlaps:
        """The counts."""
        return Overlaps(self.regions, self.boundaries)


@dataclass(frozen=True, slots=True)
class MaskReader:
    """See `answers.Reader`."""

    counted: Callable[[Answers, Masks, Dataset], Answers]  # what is kept of the masks

    def asked(self, whose: Answers, ask: Ask, bundle: Bundle, data: Dataset) -> Answers:
        """Of a bundle."""
        return self.counted(whose, lambda rows: (answer.mask for answer in ask(rows)), data)

    def kept(self, whose: Answers, kept: pl.DataFrame, bundle: Bundle, data: Dataset) -> Answers:
        """Of a run: column `mask`, a PNG of class indices at the size of the upright image."""
        known = dict(zip(whose.rows, kept["mask"], strict=True))
        return self.counted(whose, lambda rows: (from_png(known[row]) for row in rows), data)

    def told(self, whose: Answers, table: pl.DataFrame, path: str, data: Dataset) -> Answers:
        """Of a table: column `mask`, a file beside the table."""
        known, folder = dict(zip(whose.rows, table["mask"], strict=True)), path.rpartition("/")[0]
        return self.counted(
            whose, lambda rows: (_read(files.join(folder, known[row] or ""), data, row) for row in rows), data
        )

    def columns(self, there: list[str], classes: list[str]) -> list[str]:
        """The columns of a table that answer; empty where they don't."""
        return [name for name in there if name == "mask"]

    def wanted(self) -> str:
        """The columns that would."""
        return say("columns image and mask, the path of a mask file beside the table")


def counted(whose: Answers, masks: Masks, data: Dataset) -> MaskAnswers:
    """The pixels of the masks, class by class."""
    classes = len(data.classes)

    def both(item: tuple[int, Array]) -> tuple[Array, Array]:
        row, answer = item
        truth = data.mask(row)
        unanswered = answer == IGNORE  # a scene has no data there
        if unanswered.any():
            truth, answer = (
                np.where(unanswered, np.uint8(IGNORE), truth),
                np.where(unanswered, np.uint8(0), answer),
            )
        return counts(truth, answer, classes), boundary_counts(truth, answer, classes)

    found = list(ahead(zip(whose.rows, masks(whose.rows), strict=True), both))
    regions, boundaries = (np.stack(part) for part in zip(*found, strict=True))
    if not regions.any():
        raise PupilaError(
            say("No labelled pixel in any of the masks"), found=say("{n} masks", n=len(found)),
            wanted=say("masks with a class"),
        )  # fmt: skip
    return MaskAnswers(**vars(whose), regions=regions, boundaries=boundaries, masks=masks)


def _read(uri: str, data: Dataset, row: int) -> Array:
    """(H, W) uint8 class indices from a file of indices, of the colours of the data's own masks, or of 0..255.

    Raises:
        PupilaError: no such file, of another shape than the image, or values that are no class.
    """
    try:
        stored = stored_values(files.read_bytes(uri))
    except (ImageFault, OSError) as fault:
        raise PupilaError(
            say("Can't read the mask {path}", path=uri), found=str(fault), wanted=say("a mask file beside the table")
        ) from fault  # fmt: skip
    height, width = data.images["height"][row], data.images["width"][row]
    its_height, its_width = stored.values.shape
    if abs(width * its_height / (height * its_width) - 1) > SAME_SHAPE:
        raise PupilaError(
            say("The mask {path} has another shape than its image", path=uri),
            found=f"{its_width} x {its_height}", wanted=f"{width} x {height}",
        )  # fmt: skip
    values, classes, unknown = stored.values, len(data.classes), 0
    if stored.coloured and data.legend is not None and data.legend.colour:
        values, unknown = data.legend.read(values)
    elif not stored.coloured and classes == 2 and 1 < values.max() < NO_DATA and not (values == 1).any():
        values = (values >= _HALF).astype(np.uint8)
    if unknown or values.max() >= classes:
        raise PupilaError(
            say("The mask {path} has values that are no class", path=uri),
            found=listing([str(value) for value in np.unique(stored.values)], 8),
            wanted=say("0 to {last}", last=classes - 1),
        )  # fmt: skip
    return resized(values.astype(np.uint8), height, width)
