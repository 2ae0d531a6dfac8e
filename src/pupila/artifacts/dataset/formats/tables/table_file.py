"""Files of tables: CSV, Parquet and JSON lines, with every column as text."""

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from pupila.artifacts.dataset.formats.tables.encodings import UTF_8
from pupila.artifacts.dataset.formats.tables.features import name_class, read_parquet_classes
from pupila.artifacts.dataset.formats.tables.text_tables import TextTable, read_text_table
from pupila.core import files
from pupila.core.csv_text import FORMULA
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, listing, say, say_count

# Common names for our columns; the first that occurs counts.
MASK = "_mask"  # our name for a column of mask files until they are found and become targets
VIA_SHAPES = "region_shape_attributes"  # the column by which CSV files of annotations from VIA are known
STUDIO_COLUMNS = {"annotation_id", "annotator", "lead_time"}  # the same of Label Studio
COLUMN_WORDS = {
    "image": ("image", "file_name", "filename", "file", "path", "image_path", "filepath", "image_id", "img",
              "image_name", "image index", "fname"),
    MASK: ("mask", "mask_path", "mask_file", "mask_name", "mask_filename", "segmentation"),
    "target": ("label", "target", "class", "category", "labels", "class_name", "finding labels", "tags"),
    "group": ("group",),
    "given_split": ("split", "given_split"),
}  # fmt: skip


_LONGEST_LINE = 1 << 20  # bytes of a header
_MOST_COLUMNS = 10_000
_MOST_RETAINED = 8  # tables in memory while a data set is opened
_QUOTED_FORMULA = re.compile(f"'{FORMULA}")
_WITH_APOSTROPHE = f"^'('*{FORMULA})"  # for Python and for polars


@dataclass(frozen=True, slots=True)
class ParsedTable:
    """A table, and its lines that don't fit its header."""

    frame: pl.DataFrame
    ragged: list[int] = field(
        default_factory=list
    )  # numbers of the lines with more cells than the header, from 1
    source: TextTable | None = None  # the text that it was read from
    repeated: dict[str, str] = field(
        default_factory=dict
    )  # a later column's name here -> its name in the file

    def describe_reading(self, name: str) -> list[str]:
        """Notes on the encoding and the lines above the header, where they are not the usual ones.

        Args:
            name: of the file, for the user.
        """
        if self.source is None:
            return []
        decoded, notes = self.source.decoded, []
        if not decoded.certain:
            words = dict.fromkeys(re.findall(r"[^\s,;|]*[^\x00-\x7f][^\s,;|]*", decoded.text))
            notes.append(say("{table} is read as {encoding} ({words}). If that looks wrong, save it as UTF-8.",
                             table=name, encoding=decoded.encoding, words=listing(list(words), 3)))  # fmt: skip
        elif decoded.encoding != UTF_8:
            notes.append(say("{table} is read as {encoding}.", table=name, encoding=decoded.encoding))
        if self.repeated:
            notes.append(
                say(
                    "{table}: several columns have one name; the later ones are {names}.",
                    table=name,
                    names=listing([f"{ours} = {theirs}" for ours, theirs in self.repeated.items()], 3),
                )
            )
        if self.source.remarks:
            notes.append(say_count("{table}: {n} line above the header is left out.",
                                   "{table}: {n} lines above the header are left out.", self.source.remarks,
                                   table=name))  # fmt: skip
        return notes

    def describe_ragged(self) -> str:
        """Their number and the first of them, for the user."""
        return say_count("{n} line has more cells than the header (line {lines})",
                         "{n} lines have more cells than the header (lines {lines})", len(self.ragged),
                         lines=listing([str(number) for number in self.ragged], 3))  # fmt: skip


def read_table(uri: str) -> pl.DataFrame:
    """The table, every column as text, so that a class `01` stays `01`; blank cells are null.

    Lists and records of labels become JSON; other columns of such values are left out.

    Raises:
        PupilaError: the file is not such a table, or a line has more cells than the header.
    """
    table = read_any_table(uri)
    if table.ragged:
        raise refuse_ragged(uri, table)
    return table.frame


def refuse_ragged(uri: str, table: ParsedTable) -> PupilaError:
    """The error for lines with more cells than the header, where that may cut off labels."""
    return PupilaError(
        say("Can't read the table {path}", path=uri), actual=table.describe_ragged(),
        expected=say("as many cells in each line as in the header"),
        remedy=say('put quotes around cells that hold the separator: "salt, fat"'),
    )  # fmt: skip


def read_any_table(uri: str) -> ParsedTable:
    """The same of a table with ragged lines, whose surplus cells are left out.

    Raises:
        PupilaError: the file is not such a table.
    """
    return _READ.get()(uri)


@contextlib.contextmanager
def retain_tables() -> Iterator[None]:
    """Within it a table that was read serves every later request; none may change meanwhile."""
    token = _READ.set(lru_cache(_MOST_RETAINED)(_read))
    try:
        yield
    finally:
        _READ.reset(token)


def _read(uri: str) -> ParsedTable:
    if not files.exists(uri):
        raise PupilaError(say("{path} does not exist", path=uri))
    try:
        data = files.read_bytes(uri)
        _refuse_wide(data, uri)
        return parse_table(data, files.suffix(uri))
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise PupilaError(
            say("Can't read the table {path}", path=uri), actual=str(fault).splitlines()[0],
            expected=say("CSV, Parquet or JSON lines"),
        ) from fault  # fmt: skip


_READ: ContextVar[Callable[[str], ParsedTable]] = ContextVar("read", default=_read)


def _refuse_wide(data: bytes, uri: str) -> None:
    """Stop at a file whose first line can't be the header of a table: looking at its columns would take minutes."""
    if not uri.lower().endswith((".csv", ".tsv")):
        return
    line = re.split(rb"[\r\n]", data[: _LONGEST_LINE + 1], maxsplit=1)[0]
    columns = 1 + max(line.count(separator) for separator in (b",", b";", b"\t", b"|"))
    if len(line) > _LONGEST_LINE or columns > _MOST_COLUMNS:
        raise PupilaError(
            say("Can't read the table {path}", path=uri),
            actual=say("a first line of {n} columns", n=integer(columns)) if columns > _MOST_COLUMNS
            else say("a first line of over {n} bytes", n=integer(_LONGEST_LINE)),
            expected=say("at most {n} columns", n=integer(_MOST_COLUMNS)),
        )  # fmt: skip


def parse_table(data: bytes, suffix: str, header: bool = True) -> ParsedTable:
    """The table in the bytes of a file.

    Args:
        data: of the file.
        suffix: of its name, in small letters.
        header: whether a text table begins with the names of its columns; else they are named by their positions.

    Raises:
        PolarsError: they are no such table.
    """
    if suffix == ".parquet":
        classes = read_parquet_classes(pl.read_parquet_metadata(io.BytesIO(data)))
        return ParsedTable(_as_text(_name_classes(pl.read_parquet(io.BytesIO(data)), classes)))
    if suffix in (".jsonl", ".ndjson"):
        return ParsedTable(_as_text(pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)))
    source = read_text_table(data)
    text, separator = source.text, source.separator
    if not header:
        cells = _read_header(text, separator)
        text = separator.join(f"column {n}" for n, _ in enumerate(cells, start=1)) + "\n" + text
    ragged = list[int]()
    try:
        frame = _parse_text(text, separator, truncate=False)
    except pl.exceptions.ComputeError:
        frame = _parse_text(text, separator, truncate=True)
        ragged = [source.skipped + number for number in _find_ragged(text, separator)]
    names = _read_header(text, separator)
    renamed = frame.rename(_quoted_names(frame, names))
    return ParsedTable(
        _as_text(_unquote_formulas(renamed, text)), ragged, source, _find_repeated(frame, names)
    )


def _read_header(text: str, separator: str) -> list[str]:
    """The cells of the first line."""
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])


def _name_classes(frame: pl.DataFrame, classes: dict[str, list[str]]) -> pl.DataFrame:
    """The table with the names of the classes for their numbers, where a file of Hugging Face has them."""
    named = [
        pl.Series(name, [name_class(names, value) for value in frame[name].to_list()], pl.String)
        for name, names in classes.items() if name in frame.columns and frame[name].dtype.is_integer()
    ]  # fmt: skip
    return frame.with_columns(named)


def _parse_text(text: str, separator: str, truncate: bool) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(text.encode()), separator=separator, infer_schema=False, truncate_ragged_lines=truncate
    )


def _unquote_formulas(frame: pl.DataFrame, text: str) -> pl.DataFrame:
    """The table without the apostrophe that is written before what begins like a formula, see `core.csv_text`."""
    if not _QUOTED_FORMULA.search(text):  # nearly every table
        return frame
    names = {name: re.sub(_WITH_APOSTROPHE, r"\1", name) for name in frame.columns}
    if len(set(names.values())) == len(names):
        frame = frame.rename(names)
    return frame.with_columns(pl.col(pl.String).str.replace(_WITH_APOSTROPHE, "${1}"))


def _find_ragged(text: str, separator: str) -> list[int]:
    """The lines with more cells than the header; surplus cells that are empty do no harm."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    count = len(next(rows))
    return [rows.line_num for row in rows if any(cell.strip() for cell in row[count:])]


def _find_repeated(frame: pl.DataFrame, names: list[str]) -> dict[str, str]:
    """The columns that polars renames since an earlier one has their name, with that name; blank names aside."""
    if len(names) != len(frame.columns):
        return {}
    return {column: name for column, name in zip(frame.columns, names, strict=True)
            if name.strip() and column.startswith(f"{name}_duplicated_")}  # fmt: skip


def _quoted_names(frame: pl.DataFrame, names: list[str]) -> dict[str, str]:
    """The names that hold quotes, which polars leaves doubled, as they are meant."""
    if len(names) != len(frame.columns) or len(set(names)) < len(names):
        return {}
    return {read: name for read, name in zip(frame.columns, names, strict=True) if '"' in name}


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.rename({name: name.strip() for name in frame.columns})
    plain = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    lists = [name for name, kind in frame.schema.items()
             if name.lower() in COLUMN_WORDS["target"] and is_plain_list(kind)]  # fmt: skip
    texts = [
        pl.Series(name, [None if cell is None else _list_text(cell) for cell in frame[name].to_list()], pl.String)
        for name in lists
    ]  # fmt: skip
    frame = frame.with_columns(pl.col(plain).cast(pl.String, strict=False), *texts)
    retained = {*plain, *lists}
    return frame.select([name for name in frame.columns if name in retained])


def is_plain_list(kind: pl.DataType) -> bool:
    """Whether the cells are lists of texts or numbers, or records of such values."""
    inner = (
        [kind.inner] if isinstance(kind, pl.List | pl.Array)
        else [field.dtype for field in kind.fields] if isinstance(kind, pl.Struct) else []
    )  # fmt: skip
    return bool(inner) and not any(each.is_nested() or each == pl.Binary for each in inner)


def _list_text(cell: object) -> str:
    return json.dumps(cell, ensure_ascii=False, default=str)
