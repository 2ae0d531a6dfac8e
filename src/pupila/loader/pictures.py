"""Placed pictures: each image decoded and resized once for one preparation, then read from the cache folder."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pupila import files
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.images import DECODER, Array, ImageFault, Preparation, decode, place, side_to_decode
from pupila.loader.store import ArrayStore
from pupila.messages import say
from pupila.progress import progress

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
        told = preparation.model_dump(exclude={"mean", "std"})
        shape = (preparation.height, preparation.width, 3)
        self._store = ArrayStore("pictures", f"{DECODER}/{sorted(told.items())}", shape, "uint8")
        self._fill(data, rows)

    def __call__(self, rows: list[int]) -> Array:
        """(K, H, W, 3) uint8: the placed pictures of the rows."""
        return self._store.rows([self.keys[row] for row in rows])

    def _fill(self, data: Dataset, rows: list[int]) -> None:
        lacking = set(self._store.missing(list(self.keys.values())))
        first: dict[str, int] = {}
        for row in rows:
            if self.keys[row] in lacking:
                first.setdefault(self.keys[row], row)
        if not first:
            return
        with progress(say("preparing pictures"), len(first)) as advance:
            for keys, placed in _in_chunks(list(first.items()), lambda item: self._placed(data, item[1])):
                self._store.add([key for key, _ in keys], placed)
                advance(len(keys))

    def _placed(self, data: Dataset, row: int) -> Array:
        uri = data.path(row)
        try:
            rgb = decode(files.read_bytes(uri), at_least=side_to_decode(self.preparation))
        except (ImageFault, OSError) as fault:
            raise PupilaError(
                say("{path} can't be read any more", path=uri), found=str(fault),
                wanted=say("the image that was there when the data set was opened"),
                remedy=say("run the command again"),
            ) from fault  # fmt: skip
        return place(rgb, self.preparation)


def _in_chunks(
    items: list[tuple[str, int]], make: Callable[[tuple[str, int]], Array]
) -> Iterator[tuple[list[tuple[str, int]], Any]]:
    import numpy as np

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), _CHUNK):
            chunk = items[start : start + _CHUNK]
            yield chunk, np.stack(list(pool.map(make, chunk)))
