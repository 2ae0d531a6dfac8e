"""Columns of a table by their content: which one names images that exist, and which one holds the labels."""

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass

import polars as pl

from pupila.artifacts.dataset.fold_columns import find_fold_columns
from pupila.artifacts.dataset.formats.file_names import name_key, path_parts, read_number
from pupila.artifacts.dataset.formats.tables.box_rows import find_box_columns
from pupila.artifacts.dataset.formats.tables.columns_in_words import is_numbered
from pupila.artifacts.dataset.formats.tables.split_columns import read_splits
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS
from pupila.artifacts.dataset.labelling.class_columns import class_columns
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES

_WORDS = frozenset({"label", "labels", "class", "classes", "category", "target", "dx", "diagnosis", "etiqueta", "clase",
                    "categoria", "diagnostico"})  # fmt: skip
# Facts about a file, whose cells may recur like labels.
_MEASURES = frozenset({"width", "height", "size", "bytes", "channels", "bands", "license", "licence", "orientation",
                       "dpi", "fps", "score", "confidence", "url", "content"})  # fmt: skip
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")
_NUMBER = re.compile(r"[-+]?\d+")
_FRACTION = re.compile(r"[-+]?\d*[.,]\d+([eE][-+]?\d+)?")
_FEW_IMAGES = 4  # on average, of a patient or a lesion
_LONGEST = 80  # characters of a label
_MOST_NUMBERS = 20  # distinct numbers that may be classes, however few rows there are


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of a table of images, by their names in it."""

    image: str
    label: str | None  # None: no column looks like labels
    split: str | None
    groups: tuple[str, ...] = ()  # whose values recur in few images each, such as those of a patient


def find_columns(frame: pl.DataFrame, names: Set[str], table: str, named: bool) -> TableColumns | None:
    """The columns that hold images, labels and splits; None where no column names images that exist.

    Args:
        frame: the table, all texts.
        names: keys of the images' names, with and without endings.
        table: its name, for the user.
        named: whether the columns have names of their own.

    Raises:
        PupilaError: several columns may be the images, or the labels.
    """
    image = _find_images(frame, names, table)
    if image is None:
        return None
    rest = frame.drop(image)
    lower = {name.lower(): name for name in rest.columns}
    split = next((lower[word] for word in COLUMN_WORDS["given_split"] if word in lower), None)
    splits = [
        *find_fold_columns(rest),
        *(name for name in rest.columns if read_splits(rest[name]) is not None),
    ]
    group = next((lower[word] for word in COLUMN_WORDS["group"] if word in lower), None)
    boxes = find_box_columns(rest)
    groups = tuple(name for name in rest.columns if _is_group(rest[name]))
    rest = rest.drop({name for name in (split, group, *splits, *boxes, *groups) if name is not None})
    known = next((lower[word] for word in COLUMN_WORDS["target"] if lower.get(word) in rest.columns), None)
    return TableColumns(image, known or _find_labels(rest, table, named), split, groups)


def is_image_name(cell: str, names: Set[str]) -> bool:
    """Whether the cell names an image that exists, by the last part of its path."""
    parts = path_parts(cell.strip())
    return bool(parts) and name_key(parts[-1]) in names


def _find_images(frame: pl.DataFrame, names: Set[str], table: str) -> str | None:
    hits: dict[str, int] = {}
    for name in frame.columns:
        cells = frame[name].drop_nulls().unique().to_list()
        count = sum(is_image_name(cell, names) for cell in cells)
        if count >= min(2, len(cells)) and 2 * count >= min(len(cells), len(names) // 2):
            hits[name] = count
    if not hits:
        return _find_numbers(frame, names)
    best = [name for name, count in hits.items() if count == max(hits.values())]
    with_ending = [name for name in best if _has_endings(frame[name])]
    best = with_ending or best
    if len(best) > 1 and any(not frame[best[0]].equals(frame[other]) for other in best[1:]):
        raise PupilaError(
            say("Several columns of {table} name images", table=table), actual=listing(best), expected=say("one"),
            remedy=say("rename it to {name}", name="image"),
        )  # fmt: skip
    return best[0]


def _find_numbers(frame: pl.DataFrame, names: Set[str]) -> str | None:
    """The first column with a number of its own in each row that is an image's, but for leading zeros."""
    numbers = {number for name in names if (number := read_number(name))}
    for name in frame.columns if len(numbers) > 1 else ():
        cells = frame[name].to_list()
        named = {number for cell in cells if cell and (number := read_number(cell)) in numbers}
        if len(named) == len(cells) and 2 * len(named) >= len(numbers):
            return name
    return None


def _has_endings(cells: pl.Series) -> bool:
    return any(files.suffix(cell.strip()) in IMAGE_SUFFIXES for cell in cells.drop_nulls().head(20))


def _find_labels(frame: pl.DataFrame, table: str, named: bool) -> str | None:
    """The one column that may hold labels by its content; None where none does.

    Columns of yes and no that have names may be classes of their own, or about anything.
    """
    yes_no = {column.name for column in class_columns(frame, several=False)} if named else set()
    yes_no |= _find_flags(frame) if named else set()
    frame = frame.drop([name for name in frame.columns if _MEASURES & set(_split_name(name))])
    likely = [name for name in frame.columns if name not in yes_no and _may_be_labels(frame[name])]
    worded = [
        name for name in frame.columns if _WORDS & set(_split_name(name)) and _may_be_labels(frame[name])
    ]
    if not worded and len(likely) == 1:  # a column of 0 and 1 beside one of places may as well be the label
        likely += [name for name in frame.columns if name in yes_no and _may_be_labels(frame[name])]
    likely = [name for name in worded if "".join(_split_name(name)) in _WORDS] or worded or likely
    texts = [name for name in likely if not _holds_numbers(frame[name])]
    if len(likely) > 1 and len(texts) == 1 and all(_is_same(frame, texts[0], other) for other in likely):
        return texts[0]
    if len(likely) > 1 and not all(_is_same(frame, likely[0], other) for other in likely):
        raise PupilaError(
            say("Several columns of {table} may hold the labels", table=table), actual=listing(likely, 8),
            expected=say("one column of labels"),
            remedy=say("write a first line that names the columns, one of them label, or read the images without "
                       "labels: {flag}", flag="--layout folders") if is_numbered(likely[0])
            else say("rename it to {name}, or read the images without labels: {flag}", name="label",
                     flag="--layout folders"),
        )  # fmt: skip
    if not likely and len(frame.columns) == 1 and named and frame.columns[0] not in yes_no:
        likely = [name for name in frame.columns if _may_be_labels(frame[name], share=1)]
    return likely[0] if likely else None


def _find_flags(frame: pl.DataFrame) -> set[str]:
    """The columns that share at most two words with another one: S and N, or x and nothing, for a class each."""
    by_words: dict[frozenset[str], list[str]] = {}
    for name in frame.columns:
        words = frozenset(frame[name].drop_nulls().str.strip_chars().str.to_lowercase().unique()) - {""}
        if 0 < len(words) <= 2:
            by_words.setdefault(words, []).append(name)
    return {name for names in by_words.values() if len(names) > 1 for name in names}


def _is_group(cells: pl.Series) -> bool:
    """Whether a column is named as an id, some of its values recur, and none of them in many images."""
    words = _split_name(cells.name)
    if not words or words[-1] != "id" or _WORDS & set(words):
        return False
    return len(cells) < _FEW_IMAGES * cells.n_unique() and cells.n_unique() < len(cells)


def _split_name(name: str) -> list[str]:
    """The words of a name, without accents."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", name) if not unicodedata.combining(sign))
    return re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", plain).lower())


def _may_be_labels(cells: pl.Series, share: float = 0.5) -> bool:
    """Whether few distinct cells recur, and they are no dates, measures or files.

    Args:
        cells: of the column.
        share: of distinct cells at the most; 1, where there is no other column: at least one recurs.
    """
    given = cells.drop_nulls().str.strip_chars()
    distinct = [cell for cell in given.unique() if cell]
    if not 2 <= len(distinct) <= max(2, min(int(share * len(given)), len(given) - 1)):
        return False
    if any(len(cell) > _LONGEST or files.suffix(cell) in IMAGE_SUFFIXES for cell in distinct):
        return False
    if all(_DATE.fullmatch(cell) for cell in distinct) or any(_FRACTION.fullmatch(cell) for cell in distinct):
        return False
    return not _holds_numbers(cells) or len(distinct) <= max(_MOST_NUMBERS, len(given) // 10)


def _holds_numbers(cells: pl.Series) -> bool:
    return all(_NUMBER.fullmatch(cell.strip()) for cell in cells.drop_nulls().unique())


def _is_same(frame: pl.DataFrame, name: str, other: str) -> bool:
    """Whether each cell of one column stands beside one cell of the other, in both directions."""
    if name == other:
        return True
    return frame[name].n_unique() == frame[other].n_unique() == frame.select(name, other).n_unique()
