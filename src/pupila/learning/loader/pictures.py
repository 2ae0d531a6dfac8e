"""Placed pictures: each image decoded and resized once for one preparation, then read from the cache folder."""

from collections.abc import Callable

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead, readers
from pupila.imaging.images.decode import DECODER, Array
from pupila.imaging.images.prepare import Preparation, place, side_to_decode
from pupila.learning.loader.store import ArrayStore

_CHUNK = 128  # pictures saved at once


class Pictures:
    """The placed pictures of some rows of a data set.

    Args:
        data: the data set.
        preparation: decides the size; mean and std play no part.
        rows: row numbers of the data set.
    """

    def __init__(self, data: Dataset, preparation: Preparation, rows: list[int]) -> None:
        self.preparation = preparation
        digests = data.images["sha256"].to_list()
        self.keys: dict[int, str] = {row: digests[row] for row in rows}
        shape = (preparation.height, preparation.width, 3)
        self._store = ArrayStore("pictures", placing(preparation), shape, "uint8")
        fill(
            self._store,
            self.keys,
            lambda row: self._placed(data, row),
            say("preparing pictures"),
            readers(data.root),
        )

    def __call__(self, rows: list[int]) -> Array:
        """(K, H, W, 3) uint8: the placed pictures of the rows."""
        return self._store.rows([self.keys[row] for row in rows])

    def _placed(self, data: Dataset, row: int) -> Array:
        return place(data.pixels(row, side_to_decode(self.preparation)), self.preparation)


def placing(preparation: Preparation) -> str:
    """Everything that a placed picture depends on besides its bytes."""
    told = preparation.model_dump(exclude={"mean", "std", "view", "overlap"})
    return f"{DECODER}/{sorted(told.items())}"


def fill(
    store: ArrayStore, keys: dict[int, str], make: Callable[[int], Array], title: str, workers: int
) -> None:
    """Make what the store lacks, and save it part by part.

    Args:
        store: of equal arrays.
        keys: row of the data set to key.
        make: row to array; called in threads.
        title: of the progress.
        workers: threads.
    """
    lacking = set(store.missing(list(keys.values())))
    first: dict[str, int] = {}
    for row, key in keys.items():
        if key in lacking:
            first.setdefault(key, row)
    if not first:
        return
    held: list[Array] = []
    names = list(first)
    with progress(title, len(first)) as advance:
        for number, made in enumerate(ahead(first.values(), make, workers), start=1):
            held.append(made)
            advance(1)
            if len(held) == _CHUNK or number == len(first):
                store.add(names[number - len(held) : number], np.stack(held))
                held = []
