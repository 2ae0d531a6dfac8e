"""Images with their masks: resized once and cached, or decoded once and cut into tiles at full resolution."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.threads import reader_threads
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, covered_size, normalise
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.tiles import cut_tiles, pad_to_tile
from pupila.learning.augment import augment_both, draw_number
from pupila.learning.loader.images import ResizedImages, fill_store, placement_key
from pupila.learning.loader.store import ArrayStore
from pupila.tasks.segment import SEGMENT
from pupila.tasks.task import PreprocessedImage

RARE_SHARE = 1 / 3  # of tiles around a pixel of a rare class (a third, as in nnU-Net)
_MOST_IMAGES, _MOST_MASKS = (
    1_000_000_000,
    500_000_000,
)  # bytes in memory; the rest is decoded again on each access


class ArrayCache:
    """Keeps computed arrays in memory, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._left, self._arrays = most, dict[int, Array]()

    def get(self, key: int, make: Callable[[int], Array]) -> Array:
        """The array of the key."""
        if (known := self._arrays.get(key)) is not None:
            return known
        array = make(key)
        if array.nbytes <= self._left:
            self._left -= array.nbytes
            self._arrays[key] = array
        return array


class ResizedMasks:
    """The masks of some rows of a data set, resized like their images once, then read from the cache folder.

    Args:
        data: the data set.
        spec: decides the size; padding next to an image has no label.
        rows: row numbers of the data set.
    """

    def __init__(self, data: Dataset, spec: Preprocessing, rows: list[int]) -> None:
        self._data, self._spec = data, spec
        self._store = ArrayStore("masks", placement_key(spec), (spec.height, spec.width), "uint8")
        keys, digests = data.images["sha256"].to_list(), data.images["mask_sha256"].to_list()
        label_map = data.require_label_map().as_json()
        self._keys = {row: f"{keys[row]}:{digests[row]}:{label_map}" for row in rows}
        fill_store(self._store, self._keys, self._place, say("preparing masks"), reader_threads(data.root))

    def __call__(self, row: int) -> Array:
        """(H, W) uint8 class indices, IGNORE where there is no label."""
        return np.asarray(self._store.rows([self._keys[row]])[0])

    def _place(self, row: int) -> Array:
        mask, spec = self._data.mask(row), self._spec
        height, width = (round(side) for side in covered_size(mask.shape[0], mask.shape[1], spec))
        placed = np.full((spec.height, spec.width), IGNORE, np.uint8)
        placed[:height, :width] = resize_mask(mask, height, width)
        return placed


class MaskedViews:
    """Inputs and targets of a segmentation network for some rows of a data set.

    Args:
        data: the data set.
        spec: image size and view.
        rows: row numbers of the data set.
        preset: of `augment.PRESETS`.
        seed: of the run.
        learned: the rows whose masks define class rarity; None: all of `rows`.
    """

    def __init__(
        self, data: Dataset, spec: Preprocessing, rows: list[int], preset: str, seed: int,
        learned: list[int] | None = None,
    ) -> None:  # fmt: skip
        self.data, self.spec, self.preset, self.seed = data, spec, preset, seed
        self.keys = dict(zip(rows, data.images["sha256"][rows].to_list(), strict=True))
        self._images, self._masks = ArrayCache(_MOST_IMAGES), ArrayCache(_MOST_MASKS)
        if spec.view == "resize":
            self._pictures = ResizedImages(data, spec, rows)
            self._placed = ResizedMasks(data, spec, rows)
        shares = data.shares[rows if learned is None else learned].sum(axis=0)
        self._rarity = 1 / np.maximum(shares / max(shares.sum(), 1e-9), 1e-4)

    def batch(self, numbers: list[tuple[int, int]]) -> tuple[Array, Array]:
        """Augmented views.

        Args:
            numbers: K pairs of row and view number.

        Returns:
            (K, 3, H, W) float32 inputs and (K, H, W) int64 targets, IGNORE where there is no label.
        """
        views = [self.draw_view(row, view) for row, view in numbers]
        inputs = np.stack([normalise(picture, self.spec) for picture, _ in views])
        return inputs, np.stack([mask for _, mask in views]).astype(np.int64)

    def read_whole(self, row: int) -> tuple[PreprocessedImage, Array]:
        """The image as the bundle preprocesses it, and the (K, H, W) int64 targets of its K inputs."""
        height, width = self.data.images["height"][row], self.data.images["width"][row]
        if self.spec.view == "resize":
            inputs = normalise(self._pictures([row])[0], self.spec)[None]
            return PreprocessedImage(inputs, height, width), self._placed(row)[None].astype(np.int64)
        inputs = SEGMENT.inputs(self._image(row), self.spec)
        targets = cut_tiles(
            _pad_mask(self.read_mask(row), self.spec.height)[..., None], self.spec.height, self.spec.overlap
        )
        return PreprocessedImage(inputs, height, width), targets[..., 0].astype(np.int64)

    def read_mask(self, row: int) -> Array:
        """(H, W) uint8: the mask at full resolution."""
        return self._masks.get(row, self.data.mask)

    def count_tiles(self, row: int) -> int:
        """Views of an image per epoch: about as many tiles as cover it; one with view=resize."""
        if self.spec.view == "resize":
            return 1
        pixels = self.data.images["height"][row] * self.data.images["width"][row]
        return max(1, round(int(pixels) / self.spec.height**2))

    def draw_view(self, row: int, view: int) -> tuple[Array, Array]:
        """One augmented view: (H, W, 3) uint8 and (H, W) uint8 classes, IGNORE where there is no label."""
        draw = draw_number(self.seed, self.keys[row], view)
        if self.spec.view == "tile":
            picture, mask = self._tile(row, np.random.default_rng(draw))
        else:
            picture, mask = self._pictures([row])[0], self._placed(row)
        return augment_both(picture, mask, self.preset, draw)

    def _tile(self, row: int, random: np.random.Generator) -> tuple[Array, Array]:
        """A tile from anywhere, or, every third time, around a pixel of a class drawn by rarity."""
        side = self.spec.height
        picture, mask = pad_to_tile(self._image(row), side), _pad_mask(self.read_mask(row), side)
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


def _pad_mask(mask: Array, side: int) -> Array:
    """The mask padded to the side of a tile; padding has no label."""
    below, right = (max(0, side - length) for length in mask.shape)
    return np.pad(mask, ((0, below), (0, right)), constant_values=IGNORE)
