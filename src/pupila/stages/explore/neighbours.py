"""The map: images laid out by how alike they are, to a bundle or in their colours, and who their neighbours are."""

import io
import json
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import ahead, readers
from pupila.stages.explore.colour import Colours
from pupila.stages.explore.explained_variance import class_codes
from pupila.statistics.intervals import wilson_interval

MOST_POINTS = 2000
LEAST_POINTS = 10
NEIGHBOURS = 5  # that decide whether an image lies among another class
FOREIGN = 0.8  # share of these that are of other classes
_SEED = 23
_DIRECTIONS = 32  # that are kept before the layout

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Map:
    """Some images of a data set, laid out."""

    rows: list[int]  # of the data set
    places: Array  # (K, 2) float
    bundle: str  # its hash; "" for colours
    facts: dict[str, Any] | None  # of classes; None where there are none to tell of
    foreign: list[int]  # rows that lie among other classes, those deepest in them first


def laid_out(data: Dataset, found: Colours, bundle: str | None) -> Map | None:
    """The map; None of too few images.

    Args:
        data: the data set.
        found: its colours, by which images are laid out where no bundle is given.
        bundle: folder of a bundle, or of a run.

    Raises:
        PupilaError: no such bundle, or one that tells no embedding.
    """
    if len(data) < LEAST_POINTS:
        return None
    rows = list(range(len(data)))
    if len(rows) > MOST_POINTS:
        rows = sorted(random.Random(_SEED).sample(rows, MOST_POINTS))
    if bundle is None:
        name, features = (
            "",
            np.sqrt(found.palette[rows]),
        )  # so that shares are compared by Hellinger's distance
    else:
        name, features = _embedded(data, rows, bundle)
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    codes, names = class_codes(data)
    facts, foreign = _neighbours(features, codes[rows], data.components()[rows], names)
    return Map(
        rows, _places(features, clusters=bundle is not None), name, facts, [rows[place] for place in foreign]
    )


def _places(features: Array, clusters: bool) -> Array:
    """(K, 2): the two directions in which the (K, E) features differ most; or t-SNE of some more, begun from these.

    t-SNE takes seconds; of colours, whose map is made each time, the two directions have to do.
    """
    centred = features - features.mean(axis=0)
    if not np.abs(centred).max() > 1e-6:
        return np.zeros((len(features), 2))  # all alike
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    reduced = left[:, : _DIRECTIONS if clusters else 2] * sizes[: _DIRECTIONS if clusters else 2]
    if not clusters:
        return np.asarray(reduced)
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    layout = TSNE(2, init="pca", perplexity=perplexity, max_iter=500, random_state=_SEED, n_jobs=1)
    return np.asarray(layout.fit_transform(reduced.astype(np.float32)))


def _neighbours(
    features: Array, codes: Array, groups: Array, names: list[str]
) -> tuple[dict[str, Any] | None, list[int]]:
    """How often the nearest neighbour is of the same class, and which images lie among others.

    Copies, and what else belongs to one group, are no neighbours: they would agree without saying anything.
    """
    told = np.flatnonzero(codes >= 0)
    own, parts = codes[told], groups[told]
    if len(set(own.tolist())) < 2 or len(set(parts.tolist())) < LEAST_POINTS:
        return None, []
    alike = features[told] @ features[told].T
    together = parts[:, None] == parts[None, :]
    alike[together] = -np.inf
    same = own[:, None] == own[None, :]
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]
    right = same[np.arange(len(told)), nearest[:, 0]]
    chance = (same & ~together).sum(axis=1) / np.maximum((~together).sum(axis=1), 1)
    agreement, alone = float(right.mean()), len(set(parts.tolist()))
    low, high = wilson_interval(agreement * alone, alone)
    strange = (~np.take_along_axis(same, nearest, axis=1)).mean(axis=1)
    depth = np.take_along_axis(alike, nearest, axis=1).mean(axis=1)
    order = [place for place in np.lexsort((-depth, -strange)) if strange[place] >= FOREIGN]
    facts = {
        "images": len(told), "groups": alone, "agreement": round(agreement, 4), "low": round(low, 4),
        "high": round(high, 4), "chance": round(float(chance.mean()), 4),
        "classes": {
            name: {"images": int((own == k).sum()), "agreement": round(float(right[own == k].mean()), 4)}
            for k, name in enumerate(names) if (own == k).any()
        },
        "foreign": len(order),
    }  # fmt: skip
    return facts, [int(told[place]) for place in order]


def _embedded(data: Dataset, rows: list[int], bundle: str) -> tuple[str, Array]:
    """The bundle's hash and its (K, E) float32 embeddings of the rows, remembered as a whole."""
    predictor = Predictor(read_bundle(bundle), data.limits)
    digests = data.images["sha256"][rows].to_list()
    key = files.sha256(json.dumps([predictor.bundle.hash, digests]).encode())
    remembered = files.cache_folder() / "maps" / f"{key}.npy"
    if (known := _remembered(str(remembered), len(rows))) is not None:
        return predictor.bundle.hash, known

    def embed(row: int) -> Array:
        return predictor.embedding(predictor.prepare(data.content(row)))

    found = []
    with progress(say("embedding images"), len(rows)) as advance:
        for embedding in ahead(rows, embed, readers(data.root)):
            found.append(embedding)
            advance(1)
    buffer = io.BytesIO()
    np.save(buffer, np.stack(found), allow_pickle=False)
    files.try_write(remembered, buffer.getvalue())
    return predictor.bundle.hash, np.stack(found)


def _remembered(path: str, count: int) -> Array | None:
    try:
        found = np.load(io.BytesIO(files.read_bytes(path)), allow_pickle=False)
    except (OSError, ValueError, PupilaError):
        return None
    return np.asarray(found) if found.ndim == 2 and len(found) == count else None
