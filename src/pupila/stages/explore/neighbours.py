"""The map of the images by similarity, in a bundle's embedding or in colour, and the classes of their neighbours."""

import io
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import ClassAgreement, MapFacts
from pupila.core import files
from pupila.core.messages import say
from pupila.core.progress import progress
from pupila.core.threads import prefetch, reader_threads
from pupila.stages.explore.colour import ColourStatistics
from pupila.stages.explore.views import find_view
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import wilson_interval

MAX_POINTS = 2000
MIN_POINTS = 10
NEIGHBOURS = 5  # that decide whether an image lies among another class
OUTLIER_SHARE = 0.8  # share of these that are of other classes
_SEED = 23
_COMPONENTS = 32  # that are kept before the layout

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ImageMap:
    """Some images of a data set, with positions on a map."""

    rows: list[int]  # of the data set
    positions: Array  # (K, 2) float
    bundle: str  # its hash; "" for colours
    facts: MapFacts | None  # agreement of neighbours; None without classes
    outliers: list[int]  # rows that lie among other classes, the clearest first


def build_map(data: Dataset, colours: ColourStatistics, bundle: Bundle | None) -> ImageMap | None:
    """The map; None if there are too few images.

    Args:
        data: the data set.
        colours: of its images, which determine the map if no bundle is given.
        bundle: whose embeddings place the images; None: their colours do.

    Raises:
        PupilaError: a bundle without an embedding.
    """
    if len(data) < MIN_POINTS:
        return None
    rows = list(range(len(data)))
    if len(rows) > MAX_POINTS:
        rows = sorted(random.Random(_SEED).sample(rows, MAX_POINTS))
    if bundle is None:
        name, features = (
            "",
            np.sqrt(colours.palette[rows]),
        )  # so that shares are compared by Hellinger distance
    else:
        name, features = _embed_images(data, rows, bundle)
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    of = find_view(data).membership(data)
    facts, outliers = _compare_neighbours(features, of.codes[rows], data.components()[rows], of.names)
    return ImageMap(
        rows,
        _project(features, clusters=bundle is not None),
        name,
        facts,
        [rows[place] for place in outliers],
    )


def _project(features: Array, clusters: bool) -> Array:
    """(K, 2): the first two principal components of (K, E) features; or t-SNE, initialized with them.

    t-SNE takes seconds; the map of colours, computed on every run, uses the two components.
    """
    centred = features - features.mean(axis=0)
    if not np.abs(centred).max() > 1e-6:
        return np.zeros((len(features), 2))  # all alike
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    reduced = left[:, : _COMPONENTS if clusters else 2] * sizes[: _COMPONENTS if clusters else 2]
    if not clusters:
        return np.asarray(reduced)
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    layout = TSNE(2, init="pca", perplexity=perplexity, max_iter=500, random_state=_SEED, n_jobs=1)
    return np.asarray(layout.fit_transform(reduced.astype(np.float32)))


def _compare_neighbours(
    features: Array, codes: Array, groups: Array, names: list[str]
) -> tuple[MapFacts | None, list[int]]:
    """How often the nearest neighbour has the same class, and which images lie among other classes.

    Duplicates and images of the same group are not neighbours: they would agree trivially.
    """
    labelled = np.flatnonzero(codes >= 0)
    own, parts = codes[labelled], groups[labelled]
    if len(set(own.tolist())) < 2 or len(set(parts.tolist())) < MIN_POINTS:
        return None, []
    similarity = features[labelled] @ features[labelled].T
    together = parts[:, None] == parts[None, :]
    similarity[together] = -np.inf
    same = own[:, None] == own[None, :]
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
    right = same[np.arange(len(labelled)), nearest[:, 0]]
    chance = (same & ~together).sum(axis=1) / np.maximum((~together).sum(axis=1), 1)
    agreement, alone = float(right.mean()), len(set(parts.tolist()))
    low, high = wilson_interval(agreement * alone, alone)
    strange = (~np.take_along_axis(same, nearest, axis=1)).mean(axis=1)
    depth = np.take_along_axis(similarity, nearest, axis=1).mean(axis=1)
    order = [place for place in np.lexsort((-depth, -strange)) if strange[place] >= OUTLIER_SHARE]
    facts = MapFacts(
        images=len(labelled),
        groups=alone,
        agreement=Estimate(value=round(agreement, 4), low=round(low, 4), high=round(high, 4)),
        chance=round(float(chance.mean()), 4),
        classes={
            name: ClassAgreement(
                images=int((own == k).sum()), agreement=round(float(right[own == k].mean()), 4)
            )
            for k, name in enumerate(names) if (own == k).any()
        },
        outliers=len(order),
    )  # fmt: skip
    return facts, [int(labelled[place]) for place in order]


def _embed_images(data: Dataset, rows: list[int], bundle: Bundle) -> tuple[str, Array]:
    """The bundle's hash and its (K, E) float32 embeddings of the rows, cached together."""
    predictor = Predictor(bundle, data.limits)
    digests = data.images["sha256"][rows].to_list()
    key = files.sha256(json.dumps([predictor.bundle.hash, digests]).encode())
    cache_file = files.cache_folder() / "maps" / f"{key}.npy"
    if (cached := _read_cached(cache_file, len(rows))) is not None:
        return predictor.bundle.hash, cached

    def embed(row: int) -> Array:
        return predictor.embedding(predictor.preprocess(data.content(row)))

    embeddings = []
    with progress(say("computing embeddings"), len(rows)) as advance:
        for embedding in prefetch(rows, embed, reader_threads(data.root)):
            embeddings.append(embedding)
            advance(1)
    buffer = io.BytesIO()
    np.save(buffer, np.stack(embeddings), allow_pickle=False)
    files.write_to_cache(cache_file, buffer.getvalue())
    return predictor.bundle.hash, np.stack(embeddings)


def _read_cached(path: Path, count: int) -> Array | None:
    if (content := files.read_from_cache(path)) is None:
        return None
    try:
        embeddings = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError):
        return None
    return np.asarray(embeddings) if embeddings.ndim == 2 and len(embeddings) == count else None
