"""Views: what the network sees of a picture, as it is or augmented; decided by (seed, image, number) alone."""

import numpy as np

from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import normalise
from pupila.learning.augment import augment, draw_number
from pupila.learning.loader.pictures import Pictures

View = int | None  # number of an augmented view, or None for the picture as it is


class Views:
    """The views of placed pictures.

    Args:
        pictures: placed pictures.
        preset: of `augment.PRESETS`; with "none" all views are the picture as it is.
        seed: of the run.
    """

    def __init__(self, pictures: Pictures, preset: str, seed: int) -> None:
        self.pictures, self.preset, self.seed = pictures, preset, seed

    def key(self, row: int, view: View) -> str:
        """Names the view for every run: the image, and what was drawn for it."""
        digest = self.pictures.keys[row]
        return digest if self._is_plain(view) else f"{digest}:{self.preset}:{self.seed}:{view}"

    def inputs(self, wanted: list[tuple[int, View]]) -> Array:
        """(K, 3, H, W) float32: the model's inputs for (row, view) pairs."""
        placed = self.pictures([row for row, _ in wanted])
        return np.stack([
            normalise(self._seen(picture, row, view), self.pictures.preparation)
            for picture, (row, view) in zip(placed, wanted, strict=True)
        ])  # fmt: skip

    def _seen(self, picture: Array, row: int, view: View) -> Array:
        if view is None or self._is_plain(view):
            return picture
        return augment(picture, self.preset, draw_number(self.seed, self.pictures.keys[row], view))

    def _is_plain(self, view: View) -> bool:
        return view is None or self.preset == "none"
