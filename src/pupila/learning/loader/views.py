"""Augmented views: network inputs from original or augmented images, determined by (seed, image, number)."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, normalise
from pupila.learning.augment import augment, draw_number
from pupila.learning.loader.images import ResizedImages

# Number of an augmented view; axes of a flip, see `FLIP_AXES`; or None for the original image.
View = int | tuple[int, ...] | None


def stack_inputs(pictures: list[Array], preprocessing: Preprocessing) -> Array:
    """(K, 3, H, W) float32 of K images (H, W, 3) uint8."""
    return np.stack([normalise(picture, preprocessing) for picture in pictures])


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
        if self._is_plain(view):
            return digest
        if isinstance(view, tuple):
            return f"{digest}:flip:{view}"
        return f"{digest}:{self.preset}:{self.seed}:{view}"

    def inputs(self, pairs: list[tuple[int, View]]) -> Array:
        """(K, 3, H, W) float32: the model's inputs for (row, view) pairs."""
        return stack_inputs(self.draw(pairs), self.images.preprocessing)

    def draw(self, pairs: list[tuple[int, View]]) -> list[Array]:
        """K of (H, W, 3) uint8: the images of (row, view) pairs, the same for every normalisation."""
        placed = self.images([row for row, _ in pairs])
        return [
            self._draw_view(picture, row, view) for picture, (row, view) in zip(placed, pairs, strict=True)
        ]

    @property
    def drawing(self) -> tuple[object, ...]:
        """What equals that of other views where all images that are drawn are the same."""
        return self.images.place, self.preset, self.seed

    def _draw_view(self, picture: Array, row: int, view: View) -> Array:
        if view is None or self._is_plain(view):
            return picture
        if isinstance(view, tuple):
            return np.flip(picture, tuple(axis - 1 for axis in view))  # the colours are the last axis
        return augment(picture, self.preset, draw_number(self.seed, self.images.keys[row], view))

    def _is_plain(self, view: View) -> bool:
        return view in (None, ()) or (self.preset == "none" and not isinstance(view, tuple))
