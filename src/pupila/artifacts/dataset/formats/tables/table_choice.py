"""Several tables in one folder: those of splits, forms for predictions, and equal names in folders of splits."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import FileFinder, split_from_path, split_from_words
from pupila.artifacts.dataset.formats.tables.column_roles import find_roles, read_columns
from pupila.core import files
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import SPLIT_WORDS


def are_of_splits(tables: Sequence[str]) -> bool:
    """Whether each table is named as a split, or after one of its own, as `train_labels.csv` beside `val_labels.csv`.

    Args:
        tables: their addresses.
    """
    stems = [PurePosixPath(table).stem for table in tables]
    words = [split_from_words(stem) for stem in stems]
    return {stem.lower() for stem in stems} <= SPLIT_WORDS.keys() or (
        None not in words and len({*words}) == len(words)
    )


def find_table_forms(tables: Sequence[str]) -> dict[str, str | None]:
    """The tables that are forms for predictions, with the one label of all images, none of which another table names.

    Args:
        tables: their addresses.
    """
    cells = {}
    for table in tables if len(tables) > 1 else ():
        frame = read_columns(table)
        roles = find_roles(frame)
        if {"image", "target"} <= roles.keys() and not frame.is_empty():
            cells[table] = frame[roles["image"]].to_list(), frame[roles["target"]].to_list()
    constant = [table for table, (_, labels) in cells.items() if len({*labels}) < 2]
    named = {image for table, (images, _) in cells.items() if table not in constant for image in images}
    return {table: cells[table][1][0] for table in constant if named and named.isdisjoint(cells[table][0])}


def describe_form(table: str, label: str | None, read: Sequence[str]) -> str:
    """A note on a form for predictions.

    Args:
        table: name of the form.
        label: in all of its rows.
        read: names of the tables that are read.
    """
    return say("{table} is not read: it has one value ({label}) for all images, none of which {read} names, as a form "
               "for predictions does. If it holds labels, use {flag}.", table=table, label=label or "",
               read=listing(list(read)), flag=f"--labels {table}")  # fmt: skip


def name_split(table: str, several: bool) -> str | None:
    """The split that the table's folder or its name is, or, of several tables, that its name contains.

    Args:
        table: its path below the folder of the data.
        several: whether it is one of several tables.
    """
    folder, stem = table.rpartition("/")[0], PurePosixPath(table).stem
    return SPLIT_WORDS.get((folder or stem).lower()) or (split_from_words(stem) if several else None)


def choose_copies(frame: pl.DataFrame, table: str, finder: FileFinder) -> tuple[pl.DataFrame, list[str]]:
    """The rows with the path of the file in the table's split, where several files have the name; a note says so.

    Args:
        frame: rows of the table, with our names.
        table: its path below the folder of the data.
        finder: of the images.
    """
    split = name_split(table, several=True)
    if split is None or files.is_remote(finder.root):
        return frame, []
    chosen: dict[str, str] = {}
    for image in frame["image"].drop_nulls().unique(maintain_order=True):
        fitting = [path for path in finder.list_rivals(image) if split_from_path(path) == split]
        if len(fitting) == 1:
            chosen[image] = fitting[0]
    if not chosen:
        return frame, []
    name, path = next(iter(chosen.items()))
    note = say_count("{table}: several files have the name of {n} image; that in the folder of the split counts: "
                     "{path} for {name}.", "{table}: several files have the names of {n} images; those in the folder "
                     "of the split count, such as {path} for {name}.", len(chosen), table=table, path=path,
                     name=name)  # fmt: skip
    return frame.with_columns(pl.col("image").replace(chosen)), [note]
