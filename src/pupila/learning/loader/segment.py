"""Pictures with their masks: placed once and kept, or decoded once and cut into tiles at full resolution."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.threads import readers
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation, covered, normalise
from pupila.imaging.masks.codec import resized
from pupila.imaging.tiles import cut, padded
from pupila.learning.augment import augment_both, draw_number
from pupila.learning.loader.pictures import Pictures, fill, placing
from pupila.learning.loader.store import ArrayStore
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import Prepared

RARE_SHARE = 1 / 3  # of the tiles, drawn where a class is that is chosen for its rarity (nnU-Net's third)
_MOST_IMAGES, _MOST_MASKS = 1_000_000_000, 500_000_000  # bytes in memory; beyond it they are decoded anew


class Held:
    """What was made once is kept in memory, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._left, self._kept = most, dict[int, Array]()

    def get(self, key: int, make: Callable[[int], Array]) -> Array:
        """The array of the key."""
        if (known := self._kept.get(key)) is not None:
            return known
        made = make(key)
        if made.nbytes <= self._left:
            self._left -= made.nbytes
            self._kept[key] = made
        return made


class PlacedMasks:
    """The masks of some rows of a data set, resized as their pictures are; made once, then read from the cache folder.

    Args:
        data: the data set.
        spec: decides the size; a picture that lies in a corner leaves the rest without a label.
        rows: row numbers of the data set.
    """

    def __init__(self, data: Dataset, spec: Preparation, rows: list[int]) -> None:
        self._data, self._spec = data, spec
        self._store = ArrayStore("masks", placing(spec), (spec.height, spec.width), "uint8")
        keys, digests = data.images["sha256"].to_list(), data.images["mask_sha256"].to_list()
        told = data.legend.as_json() if data.legend else ""
        self._keys = {row: f"{keys[row]}:{digests[row]}:{told}" for row in rows}
        fill(self._store, self._keys, self._place, say("preparing masks"), readers(data.root))

    def __call__(self, row: int) -> Array:
        """(H, W) uint8 class indices, IGNORE where there is no label."""
        return np.asarray(self._store.rows([self._keys[row]])[0])

    def _place(self, row: int) -> Array:
        mask, spec = self._data.mask(row), self._spec
        height, width = (round(side) for side in covered(mask.shape[0], mask.shape[1], spec))
        placed = np.full((spec.height, spec.width), IGNORE, np.uint8)
        placed[:height, :width] = resized(mask, height, width)
        return placed


class MaskedViews:
    """What a network for masks sees of some rows of a data set, and what it should answer.

    Args:
        data: the data set.
        spec: side and view.
        rows: row numbers of the data set.
        preset: of `augment.PRESETS`.
        seed: of the run.
        learned: the rows whose masks tell which classes are rare; None: all of `rows`.
    """

    def __init__(
        self, data: Dataset, spec: Preparation, rows: list[int], preset: str, seed: int,
        learned: list[int] | None = None,
    ) -> None:  # fmt: skip
        self.data, self.spec, self.preset, self.seed = data, spec, preset, seed
        self.keys = dict(zip(rows, data.images["sha256"][rows].to_list(), strict=True))
        self._images, self._masks = Held(_MOST_IMAGES), Held(_MOST_MASKS)
        if spec.view == "resize":
            self._pictures = Pictures(data, spec, rows)
            self._placed = PlacedMasks(data, spec, rows)
        shares = data.shares[rows if learned is None else learned].sum(axis=0)
        self._rarity = 1 / np.maximum(shares / max(shares.sum(), 1e-9), 1e-4)

    def batch(self, wanted: list[tuple[int, int]]) -> tuple[Array, Array]:
        """Augmented views.

        Args:
            wanted: K times (row, number of the view).

        Returns:
            (K, 3, H, W) float32 inputs and (K, H, W) int64 targets, IGNORE where there is no label.
        """
        pairs = [self.seen(row, view) for row, view in wanted]
        inputs = np.stack([normalise(picture, self.spec) for picture, _ in pairs])
        return inputs, np.stack([mask for _, mask in pairs]).astype(np.int64)

    def whole(self, row: int) -> tuple[Prepared, Array]:
        """The image as the bundle will see it, and the (K, H, W) int64 targets of its K inputs."""
        height, width = self.data.images["height"][row], self.data.images["width"][row]
        if self.spec.view == "resize":
            inputs = normalise(self._pictures([row])[0], self.spec)[None]
            return Prepared(inputs, height, width), self._placed(row)[None].astype(np.int64)
        inputs = SEGMENT.inputs(self._image(row), self.spec)
        targets = cut(
            _padded_mask(self.truth(row), self.spec.height)[..., None], self.spec.height, self.spec.overlap
        )
        return Prepared(inputs, height, width), targets[..., 0].astype(np.int64)

    def truth(self, row: int) -> Array:
        """(H, W) uint8: the mask at the image's own size."""
        return self._masks.get(row, self.data.mask)

    def tiles(self, row: int) -> int:
        """How many views of an image an epoch draws: about as many as cover it; one where it is resized."""
        if self.spec.view == "resize":
            return 1
        pixels = self.data.images["height"][row] * self.data.images["width"][row]
        return max(1, round(int(pixels) / self.spec.height**2))

    def seen(self, row: int, view: int) -> tuple[Array, Array]:
        """One augmented view: (H, W, 3) uint8 and (H, W) uint8 classes, IGNORE where there is no label."""
        draw = draw_number(self.seed, self.keys[row], view)
        if self.spec.view == "tile":
            picture, mask = self._tile(row, np.random.default_rng(draw))
        else:
            picture, mask = self._pictures([row])[0], self._placed(row)
        return augment_both(picture, mask, self.preset, draw)

    def _tile(self, row: int, random: np.random.Generator) -> tuple[Array, Array]:
        """A tile from anywhere, or, every third time, around a pixel of a class that is chosen for its rarity."""
        side = self.spec.height
        picture, mask = padded(self._image(row), side), _padded_mask(self.truth(row), side)
        height, width = mask.shape
        top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
        if random.random() < RARE_SHARE:
            present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256)[: len(self._rarity)])
            if len(present):
                chances = self._rarity[present]
                chosen = random.choice(present, p=chances / chances.sum())
                places = np.flatnonzero(mask.ravel() == chosen)
                y, x = divmod(int(places[random.integers(len(places))]), width)
                top = int(np.clip(y - random.integers(side), 0, height - side))
                left = int(np.clip(x - random.integers(side), 0, width - side))
        place = slice(top, top + side), slice(left, left + side)
        return picture[place], mask[place]

    def _image(self, row: int) -> Array:
        return self._images.get(row, self.data.pixels)


def _padded_mask(mask: Array, side: int) -> Array:
    """The mask filled up to a tile's side; what is added has no label."""
    below, right = (max(0, side - length) for length in mask.shape)
    return np.pad(mask, ((0, below), (0, right)), constant_values=IGNORE)
