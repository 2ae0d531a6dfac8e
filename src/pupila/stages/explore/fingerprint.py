"""The fingerprint: a data set in numbers, the source of every sentence and chart of the explore page."""

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.manifest import UNUSABLE, Dataset
from pupila.artifacts.dataset.splits import SplitFile
from pupila.core.vocabulary import SPLITS
from pupila.stages.explore.colour import ColourStatistics, colour_facts
from pupila.stages.explore.columns import column_facts
from pupila.stages.explore.labels import label_facts
from pupila.stages.explore.neighbours import ImageMap

FINGERPRINT_SCHEMA = 2  # of fingerprint.json; 1 had other names for many keys

Fingerprint = dict[str, Any]


def build_fingerprint(
    data: Dataset,
    faults: list[dict[str, Any]],
    colours: ColourStatistics,
    image_map: ImageMap | None,
    splits: SplitFile | None = None,
) -> Fingerprint:
    """Everything that the sentences and charts are computed from.

    Args:
        data: the data set.
        faults: the faults that the doctor found, `{code, severity, count, examples, fix}`.
        colours: the colours of its images.
        image_map: the map of its images.
        splits: `splits.json`, if it was made from exactly these data; its groups are used then.
    """
    images = data.images
    groups = np.array([row.component for row in splits.images]) if splits else data.components()
    kinds = Counter(pair.kind for pair in data.pairs)
    return {
        "schema": FINGERPRINT_SCHEMA,
        "data_hash": data.hash,
        "layout": data.layout,
        "task": data.task.name if data.task else None,
        "images": len(data),
        "skipped": data.skipped.filter(pl.col("code").is_in(UNUSABLE)).height,
        "groups": len(set(groups.tolist())),
        "grouped": bool(images["group"].null_count() < len(data)),
        "classes": _classes(data, groups),
        "unlabelled": int(images["target"].null_count()),
        "width": _quantiles(images["width"]),
        "height": _quantiles(images["height"]),
        "aspect": _quantiles(images["width"] / images["height"]),
        "sizes": _sizes(images),
        "modes": _counts(images["mode"]),
        "formats": _counts(images["format"]),
        "brightness": _histogram(images["brightness"], np.linspace(0, 256, 17)),
        "aspect_histogram": _histogram(
            (images["width"] / images["height"]).log(2).clip(-2.5, 2.5), np.linspace(-2.5, 2.5, 21)
        ),
        "duplicates": {kind: kinds.get(kind, 0) for kind in ("exact", "near", "mirrored")},
        "faults": faults,
        "splits": _splits(splits) if splits else None,
        "masks": None if data.label_map is None else _masks(data, splits),
        "colour": colour_facts(data, colours, groups),
        "map": image_map.facts if image_map else None,
        "bundle": image_map.bundle if image_map else "",
        "labels": label_facts(data),
        "columns": column_facts(data, groups),
    }


def _classes(data: Dataset, groups: Any) -> dict[str, Any]:
    counts = data.class_counts()
    shares = data.shares
    of = {
        name: {"images": counts[name], "share": float(shares[:, k].sum() / max(shares.sum(), 1)),
               "groups": len(set(groups[shares[:, k] > 0].tolist()))}
        for k, name in enumerate(data.classes)
    }  # fmt: skip
    return dict(sorted(of.items(), key=lambda item: (-item[1]["share"], item[0])))


def _masks(data: Dataset, splits: SplitFile | None) -> dict[str, Any]:
    """The number of masks, and the mean share of each class in the image area, by split."""
    usable = data.images["target"].is_not_null().to_numpy()
    row_splits = np.array([a.split for a in splits.images] if splits else [""] * len(data))
    of_splits = {
        str(side): dict(zip(data.classes, _mean(data.shares[usable & (row_splits == side)]), strict=True))
        for side in SPLITS if (usable & (row_splits == side)).any()
    }  # fmt: skip
    return {"images": int(usable.sum()), "splits": of_splits}


def _mean(shares: Any) -> list[float]:
    """(C,) of (N, C) shares, over those with a labelled pixel."""
    whole = shares.sum(axis=0)
    return [float(share) for share in whole / max(whole.sum(), 1)]


def _splits(splits: SplitFile) -> dict[str, Any]:
    table = {name: row for name, row in splits.balance.items() if name != "largest_deviation"}
    folds = Counter(a.fold for a in splits.images if a.fold is not None)
    return {
        "hash": splits.hash, "by": splits.settings.get("by"), "origin": splits.origin,
        "verdict": splits.verdict, "leaks": len(splits.leaks),
        "table": table, "largest_deviation": splits.balance["largest_deviation"],
        "folds": {str(fold): count for fold, count in sorted(folds.items())},
    }  # fmt: skip


def _quantiles(column: pl.Series) -> dict[str, float]:
    low, middle, high = (float(column.quantile(q, "nearest") or 0) for q in (0, 0.5, 1))
    return {"min": round(low, 4), "median": round(middle, 4), "max": round(high, 4)}


def _sizes(images: pl.DataFrame) -> list[list[int]]:
    """[width, height, count] of the 200 most frequent sizes, the most frequent first."""
    table = (
        images.group_by("width", "height")
        .len()
        .sort(["len", "width", "height"], descending=[True, False, False])
    )
    return [list(row) for row in table.head(200).iter_rows()]


def _counts(column: pl.Series) -> dict[str, int]:
    table = column.value_counts().sort(["count", column.name], descending=[True, False])
    return {str(name): int(count) for name, count in table.iter_rows()}


def _histogram(column: pl.Series, edges: Any) -> dict[str, Any]:
    values = column.cast(pl.Float64).to_numpy()
    counts, _ = np.histogram(values, bins=edges)
    return {
        "edges": [round(float(edge), 4) for edge in edges], "counts": counts.tolist(),
        "mean": round(float(values.mean()), 3), "std": round(float(values.std()), 3),
    }  # fmt: skip
