"""What a promptable network learns from: views of pictures, and in each of them things that are pointed at."""

from typing import Protocol

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation
from pupila.imaging.regions import numbered
from pupila.learning.augment import augment_both, draw_number
from pupila.learning.loader.pictures import Pictures
from pupila.learning.loader.segment import PlacedMasks
from pupila.learning.loader.views import View, Views
from pupila.tasks.prompt import NO_POINT, tokens
from pupila.tasks.prompt_strategies import Random, Way, prompt_for, random_for
from pupila.tasks.segment import things


class Pointing(Protocol):
    """The settings that decide what is pointed at, and how."""

    @property
    def target(self) -> str:
        """class, region or both."""

    @property
    def targets(self) -> int:
        """Things of an image."""

    @property
    def boxes(self) -> float:
        """Share of prompts that are a box."""

    @property
    def box_jitter(self) -> float:
        """Of a box's sides."""

    @property
    def points(self) -> int:
        """Most points that belong to a thing."""


class PromptedViews:
    """The views of some rows of a data set, and the prompts that are drawn for them.

    Args:
        data: the data set.
        spec: how pictures are placed.
        rows: row numbers of the data set.
        preset: of `augment.PRESETS`.
        seed: of the run.
        cells: sides of the decoder's masks.
    """

    def __init__(
        self, data: Dataset, spec: Preparation, rows: list[int], preset: str, seed: int, cells: int
    ) -> None:  # fmt: skip
        self.views = Views(Pictures(data, spec, rows), preset, seed)
        self._masks = PlacedMasks(data, spec, rows)
        self._things, self._side = list(things(data.classes)), spec.height
        # The middle pixel of each cell: what the decoder answers of it.
        self._middles = ((np.arange(cells) + 0.5) * spec.height / cells).astype(np.intp)

    def mask(self, row: int, view: View) -> Array:
        """(H, W) uint8 class indices of the view; IGNORE where there is no label."""
        mask = self._masks(row)
        views = self.views
        if view is None or views.preset == "none":
            return mask
        picture = views.pictures([row])[0]
        return augment_both(
            picture, mask, views.preset, draw_number(views.seed, views.pictures.keys[row], view)
        )[1]

    def truth(self, target: Array, known: Array) -> Array:
        """(h, w) uint8: an (H, W) bool target as the decoder should answer it; IGNORE where it is not known."""
        small = np.where(known, target.astype(np.uint8), np.uint8(IGNORE))
        return np.asarray(small[np.ix_(self._middles, self._middles)])

    def drawn(
        self, row: int, view: View, epoch: int, how: Pointing, kind: str
    ) -> tuple[list[Array], list[Array], list[Array]]:
        """Prompts for things of a view: (P, 2) points and (P,) labels of each, and the (h, w) uint8 truth.

        They are decided by (seed, image, epoch) alone. A view without a thing has a truth without labels.

        Args:
            row: of the data set.
            view: that is seen.
            epoch: from 0.
            how: what is pointed at, and how.
            kind: of the network's prompts.
        """
        mask = self.mask(row, view)
        random = random_for(self.views.seed, self.views.pictures.keys[row], epoch)
        known = mask != IGNORE
        found: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
        for _ in range(how.targets):
            target = self._target(mask, how, random)
            if target is None:
                told = (np.zeros((1, 2), np.float32), np.array([NO_POINT]), self.truth(known, ~known & known))
            else:
                prompt = prompt_for(target, known & ~target, _way(how, random), random)
                told = (*tokens(prompt, kind), self.truth(target, known))
            for part, one in zip(found, told, strict=True):
                part.append(one)
        return found

    def _target(self, mask: Array, how: Pointing, random: Random) -> Array | None:
        """(H, W) bool: a class, or a connected region of it; None where the view has none."""
        present = [number for number in self._things if (mask == number).any()]
        if not present:
            return None
        target = np.asarray(mask == present[random.integers(len(present))])
        if how.target == "class" or (how.target == "both" and random.random() < 0.5):
            return target
        regions = numbered(target)
        areas = np.bincount(regions.ravel())[1:]
        large = np.flatnonzero(areas >= (self._side / len(self._middles)) ** 2)  # a cell at least
        if not len(large):
            return target
        return np.asarray(regions == 1 + large[random.integers(len(large))])


def _way(how: Pointing, random: Random) -> Way:
    """A box, or some points."""
    if random.random() < how.boxes:
        return Way("box", jitter=how.box_jitter)
    points = int(random.integers(1, how.points + 1))
    return Way("points", points=points, negatives=int(random.integers(points // 2 + 1)))


def padded(parts: list[list[Array]], fill: float) -> Array:
    """(N, M, P, ...) of N lists of M arrays (P, ...), the shorter ones filled up."""
    longest = max(len(one) for part in parts for one in part)
    first = parts[0][0]
    out = np.full((len(parts), len(parts[0]), longest, *first.shape[1:]), fill, first.dtype)
    for i, part in enumerate(parts):
        for j, one in enumerate(part):
            out[i, j, : len(one)] = one
    return out
