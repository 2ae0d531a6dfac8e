"""Cached features: a frozen encoder runs once per image and view."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import Item, prefetch
from pupila.imaging.images.decode import DECODER, Array
from pupila.learning.augment import DRAWING
from pupila.learning.loader.store import ArrayStore, Stores
from pupila.learning.loader.views import AugmentedViews, View

BATCH = 8  # images per batch; part of the cache key, since the last digits can depend on it
_PART_ROWS, _PART_BYTES = (
    512,
    64 * 2**20,
)  # maximum of one saved part; an interrupted encoding continues after the last part


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder on one engine."""

    run: Callable[[Array], Array]  # (N, 3, H, W) float32 to (N, size) float32
    size: int  # length of the embedding
    version: str  # hash of the weights, and the engine, whose last digits differ
    parallel: bool  # whether each core runs its own batch; else one batch uses all cores
    batch: int = BATCH  # images of a batch
    load: Callable[[], object] = lambda: None  # makes ready what the first `run` would wait for

    def stream(self, items: list[Item], make: Callable[[Item], Array]) -> Iterator[Array]:
        """(K, size) embeddings of the pixels that `make` gives for each item, in order."""
        if self.parallel:
            return prefetch(items, lambda item: self.run(make(item)))
        return map(self.run, prefetch(items, make))


class Features:
    """The features of views, under (image, draw) in a store of their own for each encoder and preprocessing.

    Args:
        views: of resized images.
        encoder: runs only for features that are not cached.
        dtype: of the cache; "none": nothing is cached, features are computed on each access.
        stores: that are open already; None: none.
    """

    def __init__(
        self, views: AugmentedViews, encoder: Encoder, dtype: str = "float32", stores: Stores | None = None
    ) -> None:
        self.views, self.encoder = views, encoder
        prepared = json.loads(views.images.preprocessing.model_dump_json())
        version = [encoder.version, prepared, encoder.batch, DECODER, DRAWING]
        self.store: ArrayStore | None = None
        if dtype != "none":
            stores = stores or Stores()
            self.store = stores.open("features", json.dumps(version), (encoder.size,), dtype)

    def __call__(self, rows: list[int], view: View) -> Array:
        """(K, size) float32 features of the rows; computed by `fill` before."""
        if self.store is None:
            batches = [[(row, view)] for row in rows]
            return np.concatenate([self.encoder.run(self._whole_batch(batch))[:1] for batch in batches])
        return self.store.rows([self.views.key(row, view) for row in rows]).astype(np.float32, copy=False)

    def fill(self, pairs: list[tuple[int, View]]) -> int:
        """Compute the features that are not cached, and return their number; two processes never compute the same.

        Raises:
            PupilaError: the values exceed the range of the cache dtype.
        """
        if self.store is None:
            return 0
        once: dict[str, tuple[int, View]] = {}
        for pair in pairs:
            once.setdefault(self.views.key(*pair), pair)
        if not self.store.missing(list(once)):
            return 0
        with self.store.hold():
            return self._fill_held(self.store, once)

    def _fill_held(self, store: ArrayStore, once: dict[str, tuple[int, View]]) -> int:
        """Compute the features of the views that the store lacks, by their keys, while it is held."""
        keys = store.missing(list(once))  # others may have filled it
        todo = [once[key] for key in keys]
        size = self.encoder.batch
        batches = [todo[start : start + size] for start in range(0, len(todo), size)]
        most = max(1, min(_PART_ROWS, _PART_BYTES // (self.encoder.size * store.dtype.itemsize)))
        held: list[Array] = []
        with progress(say("encoding images"), len(todo)) as advance:
            for number, embeddings in enumerate(self.encoder.stream(batches, self._whole_batch), start=1):
                held.append(self._fitting(embeddings[: len(batches[number - 1])]))
                advance(len(held[-1]))
                if sum(map(len, held)) >= most or number == len(batches):
                    rows = np.concatenate(held)
                    store.add(keys[: len(rows)], rows)
                    keys, held = keys[len(rows) :], []
        return len(todo)

    def _whole_batch(self, pairs: list[tuple[int, View]]) -> Array:
        """The inputs, the last one repeated up to a whole batch: a smaller batch would change the last digits."""
        return self.views.inputs(pairs + pairs[-1:] * (self.encoder.batch - len(pairs)))

    def _fitting(self, embeddings: Array) -> Array:
        """The embeddings in the dtype of the cache."""
        assert self.store is not None  # it is being filled
        largest, most = float(np.abs(embeddings).max()), float(np.finfo(self.store.dtype).max)
        if not largest <= most:
            raise PupilaError(
                say("The embeddings exceed the range of {dtype}", dtype=self.store.dtype.name),
                actual=f"{largest:.3g}", expected=say("at most {most}", most=f"{most:.3g}"), remedy="--cache float32",
            )  # fmt: skip
        return embeddings.astype(self.store.dtype, copy=False)
