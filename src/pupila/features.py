"""Frozen features: an encoder that is not trained runs once per image and view, and its answers are remembered."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pupila.augment import DRAWING
from pupila.images.decode import DECODER, Array
from pupila.loader.store import ArrayStore
from pupila.loader.views import View, Views
from pupila.messages import say
from pupila.progress import progress
from pupila.threads import Item, ahead

BATCH = 8  # pictures encoded at once; part of the key, for the last digits can depend on it
_SAVE_EVERY = 64  # batches saved as one part: a killed encoding goes on after them


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder on one engine."""

    run: Callable[[Array], Array]  # (N, 3, H, W) float32 to (N, size) float32
    size: int  # length of the embedding
    version: str  # hash of the weights, and the engine: other last digits are other features
    parallel: bool  # whether each core runs batches of its own; else one batch has all cores

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
    """

    def __init__(self, views: Views, encoder: Encoder) -> None:
        self.views, self.encoder = views, encoder
        prepared = json.loads(views.pictures.preparation.model_dump_json())
        told = [encoder.version, prepared, BATCH, DECODER, DRAWING]
        self.store = ArrayStore("features", json.dumps(told), (encoder.size,), "float32")

    def __call__(self, rows: list[int], view: View) -> Array:
        """(K, size) float32 features of the rows; `fill` has to have made them."""
        return self.store.rows([self.views.key(row, view) for row in rows])

    def fill(self, wanted: list[tuple[int, View]]) -> int:
        """Make the features that are not remembered yet, and return how many these were."""
        once: dict[str, tuple[int, View]] = {}
        for pair in wanted:
            once.setdefault(self.views.key(*pair), pair)
        keys = self.store.missing(list(once))
        todo = [once[key] for key in keys]
        batches = [todo[start : start + BATCH] for start in range(0, len(todo), BATCH)]
        held: list[Array] = []
        with progress(say("encoding pictures"), len(todo)) as advance:
            for number, embeddings in enumerate(self.encoder.stream(batches, self._whole_batch), start=1):
                held.append(embeddings[: len(batches[number - 1])])
                advance(len(held[-1]))
                if number % _SAVE_EVERY == 0 or number == len(batches):
                    rows = np.concatenate(held)
                    self.store.add(keys[: len(rows)], rows)
                    keys, held = keys[len(rows) :], []
        return len(todo)

    def _whole_batch(self, wanted: list[tuple[int, View]]) -> Array:
        """The inputs, the last one repeated up to a whole batch: a smaller batch would give other last digits."""
        return self.views.inputs(wanted + wanted[-1:] * (BATCH - len(wanted)))
