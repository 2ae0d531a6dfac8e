"""Frozen features: an encoder that is not trained runs once per image and view, and its answers are remembered."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import Item, ahead
from pupila.imaging.images.decode import DECODER, Array
from pupila.learning.augment import DRAWING
from pupila.learning.loader.store import ArrayStore
from pupila.learning.loader.views import View, Views

BATCH = 8  # pictures encoded at once; part of the key, for the last digits can depend on it
_PART_ROWS, _PART_BYTES = 512, 64 * 2**20  # saved as one part, at most: a killed encoding goes on after them


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder on one engine."""

    run: Callable[[Array], Array]  # (N, 3, H, W) float32 to (N, size) float32
    size: int  # length of the embedding
    version: str  # hash of the weights, and the engine: other last digits are other features
    parallel: bool  # whether each core runs batches of its own; else one batch has all cores
    batch: int = BATCH  # pictures of a batch

    def stream(self, items: list[Item], make: Callable[[Item], Array]) -> Iterator[Array]:
        """(K, size) embeddings of the pixels that `make` gives for each item, in order."""
        if self.parallel:
            return ahead(items, lambda item: self.run(make(item)))
        return map(self.run, ahead(items, make))


class Features:
    """The features of views, under (image, draw) in a store of their own for each encoder and preparation.

    Args:
        views: of placed pictures.
        encoder: runs only for what is not remembered.
        dtype: in which they are remembered; "none": not at all, they are made whenever they are asked for.
    """

    def __init__(self, views: Views, encoder: Encoder, dtype: str = "float32") -> None:
        self.views, self.encoder = views, encoder
        prepared = json.loads(views.pictures.preparation.model_dump_json())
        told = [encoder.version, prepared, encoder.batch, DECODER, DRAWING]
        self.store = None
        if dtype != "none":
            self.store = ArrayStore("features", json.dumps(told), (encoder.size,), dtype)

    def __call__(self, rows: list[int], view: View) -> Array:
        """(K, size) float32 features of the rows; `fill` has to have made them."""
        if self.store is None:
            batches = [[(row, view)] for row in rows]
            return np.concatenate([self.encoder.run(self._whole_batch(one))[:1] for one in batches])
        return self.store.rows([self.views.key(row, view) for row in rows]).astype(np.float32, copy=False)

    def fill(self, wanted: list[tuple[int, View]]) -> int:
        """Make the features that are not remembered yet, and return how many these were.

        Raises:
            PupilaError: they are too large for the type in which they would be remembered.
        """
        if self.store is None:
            return 0
        once: dict[str, tuple[int, View]] = {}
        for pair in wanted:
            once.setdefault(self.views.key(*pair), pair)
        keys = self.store.missing(list(once))
        todo = [once[key] for key in keys]
        size = self.encoder.batch
        batches = [todo[start : start + size] for start in range(0, len(todo), size)]
        most = max(1, min(_PART_ROWS, _PART_BYTES // (self.encoder.size * self.store.dtype.itemsize)))
        held: list[Array] = []
        with progress(say("encoding pictures"), len(todo)) as advance:
            for number, embeddings in enumerate(self.encoder.stream(batches, self._whole_batch), start=1):
                held.append(self._fitting(embeddings[: len(batches[number - 1])]))
                advance(len(held[-1]))
                if sum(map(len, held)) >= most or number == len(batches):
                    rows = np.concatenate(held)
                    self.store.add(keys[: len(rows)], rows)
                    keys, held = keys[len(rows) :], []
        return len(todo)

    def _whole_batch(self, wanted: list[tuple[int, View]]) -> Array:
        """The inputs, the last one repeated up to a whole batch: a smaller batch would give other last digits."""
        return self.views.inputs(wanted + wanted[-1:] * (self.encoder.batch - len(wanted)))

    def _fitting(self, embeddings: Array) -> Array:
        """The embeddings in the type of the store, if they fit into it."""
        assert self.store is not None  # it is being filled
        largest, most = float(np.abs(embeddings).max()), float(np.finfo(self.store.dtype).max)
        if not largest <= most:
            raise PupilaError(
                say("The encoder's values are too large to be remembered as {dtype}", dtype=self.store.dtype.name),
                found=f"{largest:.3g}", wanted=say("at most {most:.3g}", most=most), remedy="--set cache=float32",
            )  # fmt: skip
        return embeddings.astype(self.store.dtype, copy=False)
