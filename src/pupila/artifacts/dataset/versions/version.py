"""One version of a data set: a row of hashes for each image, and the figures of the whole."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from pupila.artifacts.dataset.columns import Schema
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.dataset.splits import Assignment, SplitFile
from pupila.artifacts.dataset.versions.identity import SHORT, hash_version
from pupila.core import files
from pupila.core.records import Record
from pupila.core.version import __version__
from pupila.core.vocabulary import SPLITS

VERSION_SCHEMA: Literal[1] = 1  # of a version's file
ALL = "all"  # beside the splits: every image
ROWS: Schema = {
    "image": pl.String,  # path as in the manifest
    "sha256": pl.String,
    "target": pl.String,
    "mask_sha256": pl.String,  # null where the target is no mask
    "group": pl.String,
    "given_split": pl.String,
    "split": pl.String,  # null where splits.json does not have the image
    "fold": pl.Int64,
    "component": pl.Int64,
}


class VersionInfo(Record):
    """What a version is as a whole."""

    schema_version: Literal[1] = Field(default=VERSION_SCHEMA, alias="schema")
    version: str  # its name: one hash of the next two
    data_hash: str
    splits_hash: str  # empty where there is no split
    made_by: str = Field(default=f"pupila {__version__}")
    name: str = ""  # of the data set
    source: str = ""  # what was opened, below its folder; empty: the folder itself
    task: str = ""  # empty: no labels
    target: str = ""  # what the labels are: a class, classes or a mask; empty: no labels
    classes: list[str] = Field(default_factory=list)
    mask_classes: str = ""  # what stored values of the masks mean, as JSON
    bands: str = ""  # how bands become colours, as JSON
    images: int
    groups: int = 0  # that are named
    verdict: str = ""  # of the split; empty: none
    leaks: int = 0  # pairs in splits.json
    class_counts: dict[str, int] = Field(default_factory=dict)  # images with each class
    # Part ("all", "train", ...) -> class -> its share of the labels, or of the labelled area.
    class_shares: dict[str, dict[str, float | None]] = Field(default_factory=dict)

    @property
    def short(self) -> str:
        """The first digits of its name."""
        return self.version[:SHORT]


@dataclass(frozen=True)
class Version:
    """A version with the hashes of its images."""

    info: VersionInfo
    rows: pl.DataFrame  # ROWS, sorted by image

    @property
    def name(self) -> str:
        """The hash that names it."""
        return self.info.version


def make_version(data: Dataset, splits: SplitFile | None) -> Version:
    """The version of an open data set; no file is read.

    Args:
        data: with the labels in force.
        splits: its `splits.json`, if any.
    """
    rows = _make_rows(data, splits)
    info = VersionInfo(
        version=hash_version(data.hash, splits.hash if splits else ""),
        data_hash=data.hash,
        splits_hash=splits.hash if splits else "",
        name=data.name,
        source=files.relative(data.source, data.folder).removeprefix(".") if data.source else "",
        task=data.task.name if data.task else "",
        target=data.target or "",
        classes=data.classes,
        mask_classes=data.label_map.as_json() if data.label_map else "",
        bands=data.bands.model_dump_json() if data.bands else "",
        images=len(data),
        groups=rows["group"].drop_nulls().n_unique(),
        verdict=splits.verdict if splits else "",
        leaks=len(splits.leaks) if splits else 0,
        class_counts=data.class_counts(),
        class_shares=_measure_shares(data, rows),
    )
    return Version(info, rows)


def _make_rows(data: Dataset, splits: SplitFile | None) -> pl.DataFrame:
    images = data.images
    masks = "mask_sha256" in images.columns
    digest = pl.when(pl.col("target").is_not_null()).then("mask_sha256") if masks else pl.lit(None, pl.String)
    rows = images.select("image", "sha256", "target", "group", "given_split", mask_sha256=digest)
    by_image = {(a.image, a.sha256): a for a in splits.images} if splits else {}
    assigned: list[Assignment | None] = [
        by_image.get(key) for key in rows.select("image", "sha256").iter_rows()
    ]
    return rows.with_columns(
        split=pl.Series([a and a.split for a in assigned], dtype=pl.String),
        fold=pl.Series([None if a is None else a.fold for a in assigned], dtype=pl.Int64),
        component=pl.Series([None if a is None else a.component for a in assigned], dtype=pl.Int64),
    ).select(list(ROWS)).sort("image")  # fmt: skip


def _measure_shares(data: Dataset, rows: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """The class shares of all images and of each split that has some."""
    split = dict(rows.select("image", "split").iter_rows())
    parts = [split[image] for image in data.images["image"]]
    masks = {ALL: np.ones(len(data), dtype=bool)}
    masks |= {name: np.array([part == name for part in parts], dtype=bool) for name in SPLITS}
    return {
        part: {
            name: None if np.isnan(share) else round(float(share), 6)
            for name, share in zip(data.classes, data.class_shares(chosen), strict=True)
        }
        for part, chosen in masks.items() if chosen.any()
    }  # fmt: skip
