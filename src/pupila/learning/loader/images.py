"""Resized images: each one decoded and resized once, then read from the cache folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads
from pupila.imaging.images.decode import DECODER, Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image, min_decode_side
from pupila.learning.loader.store import ArrayStore, Stores

_CHUNK = 128  # images saved at once


class ResizedImages:
    """The resized images of some rows of a data set.

    Args:
        data: the data set.
        preprocessing: decides the size; mean and std are not applied.
        rows: row numbers of the data set.
        stores: that are open already; None: none.
    """

    def __init__(
        self, data: Dataset, preprocessing: Preprocessing, rows: list[int], stores: Stores | None = None
    ) -> None:
        self.preprocessing = preprocessing
        digests = data.images["sha256"].to_list()
        self.keys: dict[int, str] = {row: digests[row] for row in rows}
        shape = (preprocessing.height, preprocessing.width, 3)
        stores = stores or Stores()
        self._store = stores.open("pictures", placement_key(preprocessing), shape, "uint8")
        fill_store(
            self._store,
            self.keys,
            lambda row: self._place(data, row),
            say("preparing images"),
            reader_threads(data.root),
        )

    def __call__(self, rows: list[int]) -> Array:
        """(K, H, W, 3) uint8: the resized images of the rows."""
        return self._store.rows([self.keys[row] for row in rows])

    @property
    def place(self) -> Path:
        """The folder of these images in the cache: the same for the same size and fit."""
        return self._store.folder

    def _place(self, data: Dataset, row: int) -> Array:
        return fit_image(data.pixels(row, min_decode_side(self.preprocessing)), self.preprocessing)


def placement_key(preprocessing: Preprocessing) -> str:
    """Everything that a resized image depends on besides its bytes."""
    settings = preprocessing.model_dump(exclude={"mean", "std", "view", "overlap"})
    return f"{DECODER}/{sorted(settings.items())}"


def fill_store(
    store: ArrayStore, keys: dict[int, str], make: Callable[[int], Array], title: str, workers: int
) -> None:
    """Compute the arrays that the store lacks, and save them part by part; two processes never compute the same.

    Args:
        store: of equal arrays.
        keys: row of the data set to key.
        make: row to array; called in threads.
        title: of the progress bar.
        workers: threads.
    """
    if not store.missing(list(keys.values())):
        return
    with store.hold():
        _fill_held(store, keys, make, title, workers)


def _fill_held(
    store: ArrayStore, keys: dict[int, str], make: Callable[[int], Array], title: str, workers: int
) -> None:
    lacking = set(store.missing(list(keys.values())))  # others may have filled it
    first: dict[str, int] = {}
    for row, key in keys.items():
        if key in lacking:
            first.setdefault(key, row)
    held: list[Array] = []
    names = list(first)
    with progress(title, len(first)) as advance:
        for number, array in enumerate(prefetch(first.values(), make, workers), start=1):
            held.append(array)
            advance(1)
            if len(held) == _CHUNK or number == len(first):
                store.add(names[number - len(held) : number], np.stack(held))
                held = []
