"""Columns of a table that give the splits, under any name: by their cells, or by yes and no in `is_valid`."""

import re

import polars as pl

from pupila.artifacts.dataset.fold_columns import find_fold_columns, read_folds
from pupila.artifacts.dataset.formats.file_finder import split_from_words
from pupila.artifacts.dataset.formats.listing import LISTED
from pupila.artifacts.dataset.formats.tables.columns_in_words import describe_column
from pupila.artifacts.dataset.labelling.cells import yes_no_column
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import SPLIT_WORDS, TEST, TRAIN, VALIDATION

_NAMES = frozenset({"subset", "set", "phase", "partition", "usage", "fold", "split_name", "dataset_split"})
_FLAG = re.compile(r"is[ _-]?(train|training|val|valid|validation|test|testing)", re.IGNORECASE)

_FEW_WORDS = 3  # that may be train, validation and test in other words


def settle_split_column(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The table with the column of splits as `given_split`, where it has none by name, and what was decided.

    Args:
        rows: with our names for the columns that we know.

    Raises:
        PupilaError: several columns give different splits.
    """
    own = [name for name in rows.columns if name not in LISTED]
    notes = [_describe_folds(name, folds) for name, folds in find_fold_columns(rows.select(own)).items()]
    if "given_split" in rows.columns:
        rows, notes = _name_splits(rows, notes)
        given = rows["given_split"]
        others = [
            name
            for name in own
            if (splits := read_splits(rows[name])) is not None and not splits.equals(given)
        ]
        passed = [say("The column of splits counts; {names} would give others.", names=listing(others))]
        return rows, notes + (passed if others else [])
    by_column = {name: splits for name in own if (splits := read_splits(rows[name])) is not None}
    if not by_column:
        return rows, notes + _describe_unread(rows.select(own))
    if (united := _unite_flags(rows.select(by_column.keys()))) is not None:
        notes.append(say("The columns {names} give the splits.", names=listing(list(by_column))))
        return rows.with_columns(given_split=united), notes
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
    notes.append(_describe_meanings(name, {word.strip(): split for word, split in words.iter_rows()}))
    return rows.with_columns(given_split=by_column[name]), notes


def _describe_folds(name: str, folds: pl.Series) -> str:
    count = folds.n_unique() - bool(folds.null_count())
    return say("The column {name} numbers {n} folds, which are no splits: {cross} validates on each of them in turn, "
               "{by} keeps each of them in one split, and a split without either ignores them.", name=name, n=count,
               cross=f"pupila split --folds {count}", by=f"pupila split --by {name}")  # fmt: skip


def _name_splits(rows: pl.DataFrame, notes: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """The table whose column `split` has our words, and a note on its other words, which no split can be made of."""
    cells = rows["given_split"].str.strip_chars().replace("", None)
    meanings = {word: _read_split_word(word) for word in cells.drop_nulls().unique(maintain_order=True)}
    odd = {word: (cells == word).sum() for word, split in meanings.items() if split is None}
    if odd:
        notes.append(say("The column of splits has words that name no split: {words}. Rename them to one of {known}, "
                         "take these rows out, or draw a new split: {flag}.",
                         words=listing([f"{word} ({count})" for word, count in odd.items()], 8),
                         known=listing(list(SPLIT_WORDS), len(SPLIT_WORDS)), flag="--ignore-given"))  # fmt: skip
    known = {word: split for word, split in meanings.items() if split}
    spelt = {word: split for word, split in known.items() if word.lower() not in SPLIT_WORDS}
    if spelt:
        notes.append(_describe_meanings("split", spelt))
    return rows.with_columns(given_split=cells.replace(known)), notes


def _read_split_word(word: str) -> str | None:
    """The split that a cell of a column of splits names, also as `PublicTest`."""
    return SPLIT_WORDS.get(word.lower()) or split_from_words(word)


def _describe_meanings(name: str, meanings: dict[str, str]) -> str:
    shown = [f"{word} = {split}" for word, split in meanings.items()]
    return say(
        "The splits are read from {column}: {meanings}.",
        column=describe_column(name),
        meanings=listing(shown, 8),
    )


def _describe_unread(columns: pl.DataFrame) -> list[str]:
    """A note for each column that looks like splits and can't be read as such."""
    notes = [say("The column {name} says yes for most images, and is not read as a split.", name=cells.name)
             for cells in columns if _FLAG.fullmatch(cells.name) and _is_yes_no(cells)]  # fmt: skip
    for cells in columns:
        if cells.name.lower() not in _NAMES:
            continue
        words = cells.drop_nulls().str.strip_chars().unique(maintain_order=True)
        odd = [word for word in words if word and not _read_split_word(word)]
        known = len(odd) < len(words) or len(odd) <= _FEW_WORDS
        if odd and known and read_folds(cells) is None:
            notes.append(say("The column {name} is not read as splits: {words}. Write one of {known}.",
                             name=cells.name, words=listing(odd, 3),
                             known=listing(list(SPLIT_WORDS), len(SPLIT_WORDS))))  # fmt: skip
    return notes


def read_splits(cells: pl.Series) -> pl.Series | None:
    """The split of each cell; None where the column is none of splits.

    Under any name all cells are names of splits, and not all the same; under a usual one they contain such names, as
    `PublicTest` does; and in `is_valid` the few of yes are the validation.
    """
    if _FLAG.fullmatch(cells.name):
        return _read_flags(cells) if _is_yes_no(cells) else None
    usual = cells.name.lower() in _NAMES
    first = next((cell for cell in cells if cell and cell.strip()), "")
    if not usual and first and first.strip().lower() not in SPLIT_WORDS:
        return None  # at once, as a table may have thousands of columns
    words = cells.str.strip_chars().str.to_lowercase().replace("", None)
    distinct = words.drop_nulls().unique().to_list()
    meanings = {word: split for word in distinct if (split := SPLIT_WORDS.get(word))}
    if usual:
        spelt = dict(zip(words, cells, strict=True))
        meanings |= {word: split for word in distinct
                  if word not in meanings and (split := split_from_words(spelt[word].strip()))}  # fmt: skip
    if len(meanings) < len(distinct) or len(distinct) < (1 if usual else 2):
        return None
    return words.replace(meanings).alias("given_split")


def _is_yes_no(cells: pl.Series) -> bool:
    column = yes_no_column(cells)
    return column.is_class and column.has_absent and None not in column.read(None)


def _read_flags(cells: pl.Series) -> pl.Series | None:
    """The splits of `is_valid`; None where yes is not the smaller part, which then may mean that a row is sound."""
    states = yes_no_column(cells).read(None)
    split = _flagged_split(cells.name)
    if split == TRAIN:
        return pl.Series("given_split", [TRAIN if state else TEST for state in states])
    if not 0 < 2 * sum(map(bool, states)) < len(states):
        return None
    return pl.Series("given_split", [split if state else TRAIN for state in states])


def _flagged_split(name: str) -> str | None:
    """The split of the images of which a column such as `is_valid` says yes."""
    flag = _FLAG.fullmatch(name)
    return SPLIT_WORDS[flag[1].lower()] if flag else None


def _unite_flags(columns: pl.DataFrame) -> pl.Series | None:
    """The splits of several columns of yes and no together, `is_test` and `is_valid`; None where they disagree.

    An image of which no column says yes is in the split that has no column.
    """
    splits = [_flagged_split(name) for name in columns.columns]
    if len(splits) < 2 or None in splits or len({*splits}) < len(splits):
        return None
    rows = zip(*(yes_no_column(cells).read(None) for cells in columns), strict=True)
    given = [[split for split, state in zip(splits, row, strict=True) if state] for row in rows]
    if any(len(some) > 1 for some in given):
        return None
    rest = next((split for split in (TRAIN, TEST, VALIDATION) if split not in splits), None)
    return pl.Series([some[0] if some else rest for some in given], dtype=pl.String)
