"""Training data of promptable networks: augmented views, with prompts drawn for targets in each view."""

from typing import Protocol

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing
from pupila.imaging.regions import label_regions
from pupila.learning.augment import augment_both, draw_number
from pupila.learning.loader.images import ResizedImages
from pupila.learning.loader.segment import ResizedMasks
from pupila.learning.loader.views import AugmentedViews, View
from pupila.tasks.prompt import NO_POINT, prompt_points
from pupila.tasks.prompt_strategies import PromptStrategy, Random, sample_prompt, seeded_random
from pupila.tasks.segment import foreground_classes


class PromptSettings(Protocol):
    """The settings of random prompts."""

    @property
    def target(self) -> str:
        """class, region or both."""

    @property
    def targets(self) -> int:
        """Prompt targets per image."""

    @property
    def box_share(self) -> float:
        """Share of prompts that are boxes."""

    @property
    def box_jitter(self) -> float:
        """Maximum shift of a box edge, as a share of the box side."""

    @property
    def points(self) -> int:
        """Maximum number of foreground points."""


class PromptedViews:
    """The views of some rows of a data set, and the prompts that are drawn for them.

    Args:
        data: the data set.
        spec: preprocessing of the images.
        rows: row numbers of the data set.
        preset: of `augment.PRESETS`.
        seed: of the run.
        cells: side of the decoder masks.
    """

    def __init__(
        self, data: Dataset, spec: Preprocessing, rows: list[int], preset: str, seed: int, cells: int
    ) -> None:  # fmt: skip
        self.views = AugmentedViews(ResizedImages(data, spec, rows), preset, seed)
        self._masks = ResizedMasks(data, spec, rows)
        self._foreground, self._side = list(foreground_classes(data.classes)), spec.height
        # The centre pixel of each decoder cell.
        self._middles = ((np.arange(cells) + 0.5) * spec.height / cells).astype(np.intp)

    def mask(self, row: int, view: View) -> Array:
        """(H, W) uint8 class indices of the view; IGNORE where there is no label."""
        mask = self._masks(row)
        views = self.views
        if not isinstance(view, int) or views.preset == "none":
            return mask
        picture = views.images([row])[0]
        return augment_both(
            picture, mask, views.preset, draw_number(views.seed, views.images.keys[row], view)
        )[1]

    def sample_target(self, target: Array, known: Array) -> Array:
        """(h, w) uint8: an (H, W) bool target at the size of the decoder masks; IGNORE without a label."""
        small = np.where(known, target.astype(np.uint8), np.uint8(IGNORE))
        return np.asarray(small[np.ix_(self._middles, self._middles)])

    def draw_prompts(
        self, row: int, view: View, epoch: int, settings: PromptSettings, kind: str
    ) -> tuple[list[Array], list[Array], list[Array]]:
        """Prompts for targets of a view: (P, 2) points and (P,) labels of each, and the (h, w) uint8 target.

        They depend on (seed, image, epoch) alone. A view without foreground has a target without labels.

        Args:
            row: of the data set.
            view: number of the augmented view.
            epoch: from 0.
            settings: of the prompts.
            kind: of the network's prompts.
        """
        mask = self.mask(row, view)
        random = seeded_random(self.views.seed, self.views.images.keys[row], epoch)
        known = mask != IGNORE
        prompts: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
        for _ in range(settings.targets):
            target = self._draw_target(mask, settings, random)
            if target is None:
                drawn = (
                    np.zeros((1, 2), np.float32),
                    np.array([NO_POINT]),
                    self.sample_target(known, ~known & known),
                )
            else:
                prompt = sample_prompt(target, known & ~target, _draw_strategy(settings, random), random)
                drawn = (*prompt_points(prompt, kind), self.sample_target(target, known))
            for part, array in zip(prompts, drawn, strict=True):
                part.append(array)
        return prompts

    def _draw_target(self, mask: Array, settings: PromptSettings, random: Random) -> Array | None:
        """(H, W) bool: a class, or a connected region of it; None for a view without foreground."""
        present = [number for number in self._foreground if (mask == number).any()]
        if not present:
            return None
        target = np.asarray(mask == present[random.integers(len(present))])
        if settings.target == "class" or (settings.target == "both" and random.random() < 0.5):
            return target
        regions = label_regions(target)
        areas = np.bincount(regions.ravel())[1:]
        large = np.flatnonzero(areas >= (self._side / len(self._middles)) ** 2)  # a cell at least
        if not len(large):
            return target
        return np.asarray(regions == 1 + large[random.integers(len(large))])


def _draw_strategy(settings: PromptSettings, random: Random) -> PromptStrategy:
    """A box, or points."""
    if random.random() < settings.box_share:
        return PromptStrategy("box", jitter=settings.box_jitter)
    points = int(random.integers(1, settings.points + 1))
    return PromptStrategy("points", points=points, negatives=int(random.integers(points // 2 + 1)))


def pad(parts: list[list[Array]], fill: float) -> Array:
    """(N, M, P, ...) of N lists of M arrays (P, ...), padded to the longest P."""
    longest = max(len(array) for part in parts for array in part)
    first = parts[0][0]
    out = np.full((len(parts), len(parts[0]), longest, *first.shape[1:]), fill, first.dtype)
    for i, part in enumerate(parts):
        for j, array in enumerate(part):
            out[i, j, : len(array)] = array
    return out
