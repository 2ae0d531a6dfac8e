"""What the images show that can be pointed at: one thing for each class of an image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import BOX, POINTS, SEED, Way, prompt_for, random_for
from pupila.tasks.segment import things


@dataclass(frozen=True, slots=True)
class Thing:
    """What an image shows of one class."""

    sha256: str  # of the image
    number: int  # of the class
    name: str
    truth: Array  # (H, W) uint8: 1 where it is, 0 where it is not, IGNORE for a pixel without a label

    def prompt(self, way: Way) -> Prompt:
        """The same for every model; a prompt of more points has the fewer ones, a worse box is off in the same way."""
        kind = POINTS.name if way.jitter is None else BOX.name
        random = random_for(SEED, self.sha256, self.name, kind)
        return prompt_for(self.truth == 1, self.truth == 0, way, random)


def things_of(data: Dataset, row: int) -> Iterator[Thing]:
    """What an image shows of the classes, in their order."""
    mask, sha256 = data.mask(row), data.images["sha256"][row]
    for number, name in things(data.classes).items():
        truth = truth_of(mask, number)
        if (truth == 1).any():
            yield Thing(sha256, number, name, truth)


def truth_of(mask: Array, number: int) -> Array:
    """(H, W) uint8: 1 where an (H, W) mask has the class, 0 where it has another, IGNORE where it has none."""
    return np.where(mask == IGNORE, np.uint8(IGNORE), (mask == number).astype(np.uint8))
