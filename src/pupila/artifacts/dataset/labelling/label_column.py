"""A table with a column of labels and other columns that may be labels as well: which of them are."""

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS
from pupila.artifacts.dataset.labelling.cells import YesNoColumn, minus_is_absent, yes_no_column
from pupila.artifacts.dataset.labelling.class_columns import class_columns
from pupila.artifacts.dataset.labelling.label_rows import MULTILABEL_FLAG
from pupila.artifacts.dataset.labelling.listed import find_listed_labels, find_separator
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.tasks.label_text import write_labels

# Columns that say of the class in their line whether the image shows it.
_PRESENT = ("present", "is_present", "ispresent", "presence")
_STATES = (*_PRESENT, "value", "label", "target_", "confidence")


def settle_label_column(rows: pl.DataFrame, name: str, several: bool) -> tuple[pl.DataFrame, list[str]]:
    """The table with the labels in the column `target`, if they are in one column, and what was decided.

    Args:
        rows: with our names for the columns that we know, `target` among them.
        name: of the column `target` in the file.
        several: whether the user says that images have several labels.

    Raises:
        PupilaError: a column says of the class in each line whether it is present, in words that can't be read.
    """
    name = f"{name}_" if name in LISTED else name
    repeats = (rows.group_by("image").agg(pl.col("target").n_unique())["target"] > 1).any()
    if several:
        rows, notes, name = _choose_column(rows, name)
        if notes:
            repeats = (rows.group_by("image").agg(pl.col("target").n_unique())["target"] > 1).any()
    else:
        notes = []
    columns = class_columns(rows.drop("target"), several)
    itself = yes_no_column(rows["target"].alias(name))
    single = not _holds_several(rows["target"])
    wide = len(columns) + itself.is_class > 1 and bool(columns) and single and not repeats
    if several and wide:
        shown = listing([column.name for column in columns], 8)
        note = (
            say("The column {name} says yes or no like {names}: it is a class, too.", name=name, names=shown)
            if itself.is_class
            else say("The columns {names} say yes or no and are the classes; the column {name} stays yours.",
                     names=shown, name=name)
        )  # fmt: skip
        return rows.rename({"target": name}), [*notes, note]
    words = _STATES if several else _PRESENT if repeats else ()
    own = {column.lower(): column for column in rows.columns if column not in LISTED}
    state = next((own[word] for word in words if word in own), None)
    if state is not None and (stated := _read_states(rows, name, state)) is not None:
        note = say(
            "The column {state} says whether the image shows the class in {name}.", state=state, name=name
        )
        return stated.drop(state), [*notes, note]
    return rows, notes if several else _describe_columns(columns, name)


def _choose_column(rows: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str], str]:
    """The table with another column as `target`, where its name and its cells say labels and those of `target` less."""
    others = [
        column for column in rows.columns if column not in LISTED and column.lower() in COLUMN_WORDS["target"]
    ]
    fewer = yes_no_column(rows["target"]).is_class
    single = not _holds_several(rows["target"])
    for other in others:
        stated = not fewer and single and _holds_several(rows[other])
        named = fewer and not yes_no_column(rows[other]).is_class
        if (stated or named) and rows[other].null_count() < len(rows):
            note = say("The labels are in the column {other}, not in {name}.", other=other, name=name)
            return rows.rename({"target": name, other: "target"}), [note], other
    left = [say("The labels are in the column {name}; {names} stay yours.", name=name, names=listing(others, 8))
            for _ in others[:1]]  # fmt: skip
    return rows, left, name


def _holds_several(cells: pl.Series) -> bool:
    """Whether cells hold several labels: lists or records, or names with a separator."""
    distinct = cells.drop_nulls().unique(maintain_order=True).to_list()
    return (
        find_listed_labels(distinct, None) is not None or find_separator(distinct, requested=True) is not None
    )


def _read_states(rows: pl.DataFrame, name: str, state: str) -> pl.DataFrame | None:
    """The table whose labels say whether their class is present; None where the column denies no class."""
    column = yes_no_column(rows[state])
    if not (column.has_absent or column.has_minus):
        return None
    if column.odd:
        raise PupilaError(
            say("Can't read whether the class in {name} is present", name=name),
            actual=say("{cells} in the column {state}", cells=listing([f'"{cell}"' for cell in column.odd], 3),
                       state=state),
            expected=say("1 and 0, or yes and no"),
            remedy=say("keep the lines of the classes that are present, and leave out the column {state}",
                       state=state),
        )  # fmt: skip
    shown = column.read(False if minus_is_absent([column]) else None)
    texts = [
        None if cell is None or present is None else write_labels({cell.strip(): present})
        for cell, present in zip(rows["target"], shown, strict=True)
    ]
    return rows.with_columns(target=pl.Series(texts, dtype=pl.String))


def _describe_columns(columns: list[YesNoColumn], name: str) -> list[str]:
    """A note where several columns of yes and no are not the classes."""
    if len(columns) < 2:
        return []
    return [say("The labels are in the column {name}; the columns of yes and no stay yours: {names}. {flag} reads "
                "them as the classes.", name=name, names=listing([column.name for column in columns], 8),
                flag=MULTILABEL_FLAG)]  # fmt: skip
