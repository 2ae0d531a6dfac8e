"""Placed pictures: each image decoded and resized once for one preparation, then read from the cache folder."""

import numpy as np

from pupila import files
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.images.decode import DECODER, Array, ImageFault, decode
from pupila.images.prepare import Preparation, place, side_to_decode
from pupila.loader.store import ArrayStore
from pupila.messages import say
from pupila.progress import progress
from pupila.threads import ahead

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
        held: list[Array] = []
        keys = list(first)
        with progress(say("preparing pictures"), len(first)) as advance:
            for number, placed in enumerate(
                ahead(first.values(), lambda row: self._placed(data, row)), start=1
            ):
                held.append(placed)
                advance(1)
                if len(held) == _CHUNK or number == len(first):
                    self._store.add(keys[number - len(held) : number], np.stack(held))
                    held = []

    def _placed(self, data: Dataset, row: int) -> Array:
        uri = data.path(row)
        try:
            content = files.read_bytes(uri)
            if files.sha256(content) != self.keys[row]:
                raise ImageFault("changed", say("the file was changed since"))
            rgb = decode(content, at_least=side_to_decode(self.preparation))
        except (ImageFault, OSError) as fault:
            raise PupilaError(
                say("{path} can't be read any more", path=uri), found=str(fault),
                wanted=say("the image that was there when the data set was opened"),
                remedy=say("run the command again"),
            ) from fault  # fmt: skip
        return place(rgb, self.preparation)
