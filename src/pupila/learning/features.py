"""Cached features: a frozen encoder runs once per image and view."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import Item, Result, prefetch
from pupila.imaging.images.decode import DECODER, Array
from pupila.learning.augment import DRAWING
from pupila.learning.loader.store import ArrayStore, Stores
from pupila.learning.loader.views import AugmentedViews, View, stack_inputs

Pixels = TypeVar("Pixels")
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

    def stream(
        self, items: list[Item], make: Callable[[Item], Pixels], embed: Callable[[Pixels], Result]
    ) -> Iterator[Result]:
        """What `embed`, which runs the encoder, gives for what `make` makes of each item, in order."""
        if self.parallel:
            return prefetch(items, lambda item: embed(make(item)))
        return map(embed, prefetch(items, make))


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
            pictures = self.views.draw([(row, view) for row in rows])
            return np.concatenate([self._run_batch([picture])[:1] for picture in pictures])
        return self.store.rows([self.views.key(row, view) for row in rows]).astype(np.float32, copy=False)

    def fill(self, pairs: list[tuple[int, View]]) -> int:
        """Compute the features that are not cached, and return their number; see `fill_features`.

        Raises:
            PupilaError: the values exceed the range of the cache dtype.
        """
        return fill_features([FeatureRequest(self, pairs)])

    def embed(self, pictures: list[Array]) -> Array:
        """(K, size) features of K images (H, W, 3) uint8, in the dtype of the cache."""
        return self._fitting(self._run_batch(pictures)[: len(pictures)])

    def _run_batch(self, pictures: list[Array]) -> Array:
        """The last image is repeated up to a whole batch: a smaller batch would change the last digits."""
        missing = self.encoder.batch - len(pictures)
        return self.encoder.run(
            stack_inputs(pictures + pictures[-1:] * missing, self.views.images.preprocessing)
        )

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


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """Features that a training needs."""

    features: Features
    pairs: list[tuple[int, View]]


def fill_features(requests: Sequence[FeatureRequest]) -> int:
    """Compute the features of one or several trainings that are not cached, and return their number.

    Encoders on the same views get each view from one drawing; two processes never compute the same, for each store is
    held while it is filled.

    Raises:
        PupilaError: the values exceed the range of the cache dtype.
    """
    groups: dict[object, dict[Path, _Lacking]] = {}
    for request in requests:
        features = request.features
        if features.store is None:
            continue
        joint = features.encoder.parallel, features.encoder.batch, features.views.drawing
        group = groups.setdefault(joint if features.encoder.parallel else id(request), {})
        lacking = group.setdefault(features.store.folder, _Lacking(features, features.store, {}))
        for pair in request.pairs:
            lacking.views.setdefault(features.views.key(*pair), (features.views, pair))
    return sum(_fill_group(list(group.values())) for group in groups.values())


@dataclass(frozen=True, slots=True)
class _Lacking:
    """The views that a store may lack, by their keys."""

    features: Features
    store: ArrayStore
    views: dict[str, tuple[AugmentedViews, tuple[int, View]]]  # trainings may have different rows


def _fill_group(group: list[_Lacking]) -> int:
    """Fill the stores of encoders that run on the same views."""
    group = [lacking for lacking in group if lacking.store.missing(list(lacking.views))]
    if not group:
        return 0
    with ExitStack() as stack:
        for lacking in sorted(
            group, key=lambda lacking: lacking.store.folder
        ):  # an order that never deadlocks
            stack.enter_context(lacking.store.hold())
        parts: dict[tuple[int, ...], list[str]] = {}  # which stores lack a view -> the keys of such views
        lacks: dict[str, list[int]] = {}
        for number, lacking in enumerate(group):
            for key in lacking.store.missing(list(lacking.views)):  # others may have filled some
                lacks.setdefault(key, []).append(number)
        for key, without in lacks.items():
            parts.setdefault(tuple(without), []).append(key)
        with progress(say("encoding images"), sum(map(len, lacks.values()))) as advance:
            for numbers, keys in parts.items():
                _encode([group[number] for number in numbers], keys, advance)
    return sum(map(len, lacks.values()))


def _encode(group: list[_Lacking], keys: list[str], advance: Callable[[float], None]) -> None:
    """Compute and save the features of the same views on each encoder."""
    first = group[0].features
    size = first.encoder.batch
    batches = [keys[start : start + size] for start in range(0, len(keys), size)]
    row_bytes = max(lacking.features.encoder.size * lacking.store.dtype.itemsize for lacking in group)
    most = max(1, min(_PART_ROWS, _PART_BYTES // row_bytes))

    def draw(batch: list[str]) -> list[Array]:
        return [views.draw([pair])[0] for views, pair in map(group[0].views.__getitem__, batch)]

    def embed(pictures: list[Array]) -> list[Array]:
        return [lacking.features.embed(pictures) for lacking in group]

    held: list[list[Array]] = []
    for number, embeddings in enumerate(first.encoder.stream(batches, draw, embed), start=1):
        held.append(embeddings)
        advance(len(embeddings[0]) * len(group))
        if sum(len(rows[0]) for rows in held) >= most or number == len(batches):
            for lacking, rows in zip(group, map(np.concatenate, zip(*held, strict=True)), strict=True):
                lacking.store.add(keys[: len(rows)], rows)
            keys, held = keys[sum(len(rows[0]) for rows in held) :], []
