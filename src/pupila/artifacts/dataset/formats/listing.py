"""The result of a layout's reader: the files with their targets, groups and splits, and the oddities."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pupila.artifacts.dataset.columns import Schema
from pupila.core import files
from pupila.imaging.masks.label_map import LabelMap
from pupila.tasks.task import Target

# Columns that every listing has; any others are the user's own and are kept.
LISTED: Schema = {
    "image": pl.String,
    "bytes": pl.Int64,
    "modified": pl.Int64,
    "target": pl.String,
    "group": pl.String,
    "given_split": pl.String,
}

UNREADABLE_LABEL = "unreadable-label"  # code of an image whose label can't be read


@dataclass(frozen=True, slots=True)
class Oddity:
    """An oddity of the layout, for the doctor to report."""

    subject: str  # path, row or value
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of a data set by its layout, before any image is read."""

    layout: str  # in words, for the user
    root: str  # folder or URI that the image paths are relative to
    rows: pl.DataFrame  # LISTED columns, then the user's own
    home: str  # where the data set's own files lie by default
    oddities: list[Oddity] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # sentences for the user
    target: Target = "class"  # what the targets are
    label_map: LabelMap | None = None  # of masks, from a class file or from the annotations
    cells: bool = False  # whether targets and columns are a user's cells, which may hold several labels
    tables: tuple[str, ...] = ()  # their addresses, where tables were read
    folders: bool = False  # whether folders are the labels: a second label needs a copy of the image
    doubt: str = ""  # what speaks against this reading, a sentence; empty where nothing does
    source: str = ""  # of a saved manifest: the path that the data were opened by before


def as_rows(entries: list[files.FileEntry], columns: dict[str, list[str | None]]) -> pl.DataFrame:
    """The frame of a listing; columns that are not given are null."""
    given: dict[str, list[Any]] = {
        "image": [e.path for e in entries],
        "bytes": [e.size for e in entries],
        "modified": [e.modified for e in entries],
        **columns,
    }
    blank = [None] * len(entries)
    schema = {name: LISTED.get(name, pl.String) for name in [*LISTED, *columns]}
    return pl.DataFrame({name: given.get(name, blank) for name in schema}, schema=schema)
