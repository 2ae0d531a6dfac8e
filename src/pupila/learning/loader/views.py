"""Augmented views: network inputs from original or augmented images, determined by (seed, image, number)."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import normalise
from pupila.learning.augment import augment, draw_number
from pupila.learning.loader.images import ResizedImages

View = int | None  # number of an augmented view, or None for the original image


class AugmentedViews:
    """The views of resized images.

    Args:
        images: resized images.
        preset: of `augment.PRESETS`; with "none" all views are the original image.
        seed: of the run.
    """

    def __init__(self, images: ResizedImages, preset: str, seed: int) -> None:
        self.images, self.preset, self.seed = images, preset, seed

    def key(self, row: int, view: View) -> str:
        """Names the view for every run: the image, and what was drawn for it."""
        digest = self.images.keys[row]
        return digest if self._is_plain(view) else f"{digest}:{self.preset}:{self.seed}:{view}"

    def inputs(self, pairs: list[tuple[int, View]]) -> Array:
        """(K, 3, H, W) float32: the model's inputs for (row, view) pairs."""
        placed = self.images([row for row, _ in pairs])
        return np.stack([
            normalise(self._draw_view(picture, row, view), self.images.preprocessing)
            for picture, (row, view) in zip(placed, pairs, strict=True)
        ])  # fmt: skip

    def _draw_view(self, picture: Array, row: int, view: View) -> Array:
        if view is None or self._is_plain(view):
            return picture
        return augment(picture, self.preset, draw_number(self.seed, self.images.keys[row], view))

    def _is_plain(self, view: View) -> bool:
        return view is None or self.preset == "none"
