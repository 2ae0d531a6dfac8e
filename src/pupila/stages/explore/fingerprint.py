"""Measure the fingerprint of a data set."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pupila.artifacts.dataset.manifest import Dataset, has_groups
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.dataset.understood import UNUSABLE
from pupila.artifacts.report.fingerprint import (
    ClassFacts,
    Column,
    DuplicateCounts,
    Fault,
    Fingerprint,
    Histogram,
    NumericColumn,
    Quantiles,
    SizeCount,
    SplitFacts,
)
from pupila.core.vocabulary import SPLITS
from pupila.stages.explore.colour import ColourStatistics, colour_facts
from pupila.stages.explore.columns import column_facts
from pupila.stages.explore.labels import label_facts
from pupila.stages.explore.neighbours import ImageMap
from pupila.stages.explore.views import find_view

Array = NDArray[Any]


def build_fingerprint(
    data: Dataset,
    faults: Sequence[Fault],
    colours: ColourStatistics,
    image_map: ImageMap | None,
    splits: SplitFile | None = None,
) -> Fingerprint:
    """Everything that the sentences and charts are computed from.

    Args:
        data: the data set.
        faults: those that the doctor found.
        colours: the colours of its images.
        image_map: the map of its images.
        splits: `splits.json`, if it was made from exactly these data; its groups are used then.
    """
    images = data.images
    groups = np.array([row.component for row in splits.images]) if splits else data.components()
    view = find_view(data)
    membership = view.membership(data)
    kinds, sequences = Counter(pair.kind for pair in data.alike.copies), data.alike.sequences
    columns = column_facts(data, groups, membership)
    aspect = images["width"] / images["height"]
    return Fingerprint(
        data_hash=data.hash,
        layout=data.layout,
        task=data.task.name if data.task else None,
        target=data.target,
        images=len(data),
        skipped=data.skipped.filter(pl.col("code").is_in(UNUSABLE)).height,
        groups=len(set(groups.tolist())),
        grouped=has_groups(data),
        classes=_classes(data, groups),
        unlabelled=int(images["target"].null_count()),
        width=_quantiles(images["width"]),
        height=_quantiles(images["height"]),
        aspect=_quantiles(aspect),
        sizes=_sizes(images),
        modes=_counts(images["mode"]),
        formats=_counts(images["format"]),
        brightness=_histogram(images["brightness"], np.linspace(0, 256, 17)),
        aspect_histogram=_histogram(aspect.log(2).clip(-2.5, 2.5), np.linspace(-2.5, 2.5, 21)),
        duplicates=DuplicateCounts(
            exact=kinds["exact"],
            near=kinds["near"],
            mirrored=kinds["mirrored"],
            sequences=len(sequences),
            sequence_images=sum(map(len, sequences)),
        ),
        faults=list(faults),
        splits=_splits(data, splits) if splits else None,
        given_splits=_counts(images["given_split"].drop_nulls()),
        colour=colour_facts(data, colours, groups, membership),
        map=image_map.facts if image_map else None,
        bundle=image_map.bundle if image_map else "",
        labels=label_facts(data),
        columns=columns,
        several_labels=view.several_labels(data, _numbers(data, colours, columns), groups),
    )


def _numbers(data: Dataset, colours: ColourStatistics, columns: dict[str, Column]) -> dict[str, Array]:
    """(N,) values of each number that may depend on the class, NaN for none: of the images, and the user's own."""
    own = [name for name, column in columns.items() if isinstance(column, NumericColumn)]
    return {
        "brightness": data.images["brightness"].cast(float).to_numpy(),
        "saturation": 255 * colours.saturation,
        **{
            name: data.images[name].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
            for name in own
        },
    }


def _classes(data: Dataset, groups: Array) -> dict[str, ClassFacts]:
    counts, shares = data.class_counts(), np.nan_to_num(data.class_shares(np.arange(len(data))))
    there = data.shares > 0
    facts = {
        name: ClassFacts(
            images=counts[name], share=float(shares[k]),
            groups=len(set(groups[there[:, k]].tolist())),
        )
        for k, name in enumerate(data.classes)
    }  # fmt: skip
    return dict(sorted(facts.items(), key=lambda item: (-item[1].share, item[0])))


def _splits(data: Dataset, splits: SplitFile) -> SplitFacts:
    folds = Counter(a.fold for a in splits.images if a.fold is not None)
    return SplitFacts(
        hash=splits.hash,
        by=splits.settings.by,
        origin=splits.origin,
        verdict=splits.verdict,
        leaks=len(splits.leaks),
        table=splits.balance.by_split(),
        shares=_shares_by_split(data, splits),
        largest_deviation=splits.balance.largest_deviation,
        missing_classes=splits.balance.missing_classes,
        folds={str(fold): count for fold, count in sorted(folds.items())},
    )


def _shares_by_split(data: Dataset, splits: SplitFile) -> dict[str, dict[str, float]]:
    """The share of each class, in each split with labels; a class that is never known there is left out."""
    labelled = data.images["target"].is_not_null().to_numpy()
    row_splits = np.array([row.split for row in splits.images])
    members = {split: labelled & (row_splits == split) for split in SPLITS}
    shares = {split: data.class_shares(rows) for split, rows in members.items() if rows.any()}
    return {
        split: {
            name: float(share) for name, share in zip(data.classes, own, strict=True) if np.isfinite(share)
        }
        for split, own in shares.items()
    }


def _quantiles(column: pl.Series) -> Quantiles:
    low, middle, high = (float(column.quantile(q, "nearest") or 0) for q in (0, 0.5, 1))
    return Quantiles(min=round(low, 4), median=round(middle, 4), max=round(high, 4))


def _sizes(images: pl.DataFrame) -> list[SizeCount]:
    """The 200 most frequent sizes, the most frequent first."""
    table = (
        images.group_by("width", "height")
        .len()
        .sort(["len", "width", "height"], descending=[True, False, False])
    )
    rows = table.head(200).iter_rows()
    return [SizeCount(width=width, height=height, images=count) for width, height, count in rows]


def _counts(column: pl.Series) -> dict[str, int]:
    table = column.value_counts().sort(["count", column.name], descending=[True, False])
    return {str(name): int(count) for name, count in table.iter_rows()}


def _histogram(column: pl.Series, edges: Array) -> Histogram:
    values = column.cast(pl.Float64).to_numpy()
    counts, _ = np.histogram(values, bins=edges)
    return Histogram(
        edges=[round(float(edge), 4) for edge in edges],
        counts=counts.tolist(),
        mean=round(float(values.mean()), 3),
        std=round(float(values.std()), 3),
    )
