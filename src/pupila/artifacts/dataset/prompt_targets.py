"""The targets for prompts: one binary mask for each class in an image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.tasks.prompt import Prompt
from pupila.tasks.prompt_strategies import BOX, POINTS, SEED, PromptStrategy, sample_prompt, seeded_random
from pupila.tasks.segment import foreground_classes


@dataclass(frozen=True, slots=True)
class PromptTarget:
    """The pixels of one class in one image."""

    sha256: str  # of the image
    class_index: int
    name: str  # of the class
    target: Array  # (H, W) uint8: 1 in the class, 0 outside, IGNORE for a pixel without a label

    def make_prompt(self, strategy: PromptStrategy) -> Prompt:
        """The prompt for a strategy, the same for every model.

        A prompt of n points begins with the points of every shorter one; a larger jitter scales the same offsets.
        """
        kind = POINTS.name if strategy.jitter is None else BOX.name
        random = seeded_random(SEED, self.sha256, self.name, kind)
        return sample_prompt(self.target == 1, self.target == 0, strategy, random)


def find_prompt_targets(data: Dataset, row: int) -> Iterator[PromptTarget]:
    """The targets of one image, in the order of the classes; classes that do not occur are left out."""
    mask, sha256 = data.mask(row), data.images["sha256"][row]
    for class_index, name in foreground_classes(data.classes).items():
        target = binarize_mask(mask, class_index)
        if (target == 1).any():
            yield PromptTarget(sha256, class_index, name, target)


def binarize_mask(mask: Array, class_index: int) -> Array:
    """(H, W) uint8: 1 where an (H, W) mask has the class, 0 where it has another, IGNORE where it has none."""
    return np.where(mask == IGNORE, np.uint8(IGNORE), (mask == class_index).astype(np.uint8))
