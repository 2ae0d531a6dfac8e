"""Columns of a table that give the splits, under any name: by their cells, or by yes and no in `is_valid`."""

import re

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import split_from_words
from pupila.artifacts.dataset.formats.listing import LISTED
from pupila.artifacts.dataset.labelling.cells import yes_no_column
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, TEST, TRAIN, VALIDATION

_NAMES = frozenset({"subset", "set", "phase", "partition", "usage", "fold", "split_name", "dataset_split"})
_FLAG = re.compile(r"is[ _-]?(val|valid|validation|test|testing)", re.IGNORECASE)
_FOLD = re.compile(r"(k|cv|test|val)?[ _-]?folds?([ _-]?(id|nr|no|number))?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.0)?")
_MOST_FOLDS = 20


def settle_split_column(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The table with the column of splits as `given_split`, where it has none by name, and what was decided.

    Args:
        rows: with our names for the columns that we know.

    Raises:
        PupilaError: several columns give different splits.
    """
    own = [name for name in rows.columns if name not in LISTED]
    notes = [say("The column {name} numbers {n} folds, which are no splits; {flag} keeps each of them together.",
                 name=name, n=rows[name].n_unique(), flag=f"pupila split --by {name}")
             for name in own if is_fold_column(rows[name])]  # fmt: skip
    if "given_split" in rows.columns:
        return rows, notes
    by_column = {name: splits for name in own if (splits := read_splits(rows[name])) is not None}
    if not by_column:
        return rows, notes + _describe_unread(rows.select(own))
    name, *others = by_column
    differing = [other for other in others if not by_column[other].equals(by_column[name])]
    if differing:
        raise PupilaError(
            say("Several columns give the splits of the images"), actual=listing([name, *differing]),
            expected=say("one"), remedy=say("rename it to {name}", name="split"),
        )  # fmt: skip
    words = (
        rows.select(name, split=by_column[name]).drop_nulls().unique(maintain_order=True).sort("split", name)
    )
    meanings = [f"{word.strip()} = {split}" for word, split in words.iter_rows()]
    notes.append(
        say("The column {name} gives the splits: {meanings}.", name=name, meanings=listing(meanings, 8))
    )
    return rows.with_columns(given_split=by_column[name]), notes


def _describe_unread(columns: pl.DataFrame) -> list[str]:
    """A note for each column that looks like splits and can't be read as such."""
    notes = [say("The column {name} says yes for most images, and is not read as a split.", name=cells.name)
             for cells in columns if _FLAG.fullmatch(cells.name) and _is_yes_no(cells)]  # fmt: skip
    for cells in columns:
        words = cells.drop_nulls().str.strip_chars().unique(maintain_order=True)
        odd = [
            word for word in words if word and word.lower() not in SPLIT_WORDS and not split_from_words(word)
        ]
        if cells.name.lower() in _NAMES and odd and len(odd) < len(words):
            notes.append(say("The column {name} is not read as splits: {words}. Write train, validation or test.",
                             name=cells.name, words=listing(odd, 3)))  # fmt: skip
    return notes


def read_splits(cells: pl.Series) -> pl.Series | None:
    """The split of each cell; None where the column is none of splits.

    Under any name all cells are names of splits, and not all the same; under a usual one they contain such names, as
    `PublicTest` does; and in `is_valid` the few of yes are the validation.
    """
    words = cells.str.strip_chars().str.to_lowercase().replace("", None)
    distinct = words.drop_nulls().unique().to_list()
    if _FLAG.fullmatch(cells.name):
        return _read_flags(cells) if _is_yes_no(cells) else None
    usual = cells.name.lower() in _NAMES
    meanings = {word: split for word in distinct if (split := SPLIT_WORDS.get(word))}
    if usual:
        spelt = dict(zip(words, cells, strict=True))
        meanings |= {word: split for word in distinct
                  if word not in meanings and (split := split_from_words(spelt[word].strip()))}  # fmt: skip
    if len(meanings) < len(distinct) or len(distinct) < (1 if usual else 2):
        return None
    return words.replace(meanings).alias("given_split")


def is_fold_column(cells: pl.Series) -> bool:
    """Whether the column numbers the folds of a cross-validation."""
    distinct = cells.drop_nulls().unique().to_list()
    return (
        bool(_FOLD.fullmatch(cells.name))
        and 1 < len(distinct) <= _MOST_FOLDS
        and all(_NUMBER.fullmatch(cell.strip()) for cell in distinct)
    )


def _is_yes_no(cells: pl.Series) -> bool:
    column = yes_no_column(cells)
    return column.is_class and column.has_absent and None not in column.read(None)


def _read_flags(cells: pl.Series) -> pl.Series | None:
    """The splits of `is_valid`; None where yes is not the smaller part, which then may mean that a row is sound."""
    flag = _FLAG.fullmatch(cells.name)
    states = yes_no_column(cells).read(None)
    if flag is None or not 0 < 2 * sum(map(bool, states)) < len(states):
        return None
    split = TEST if flag[1].lower().startswith("test") else VALIDATION
    return pl.Series("given_split", [split if state else TRAIN for state in states])
