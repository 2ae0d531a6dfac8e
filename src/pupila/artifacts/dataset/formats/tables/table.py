"""Tables of images and labels: CSV, Parquet, JSON lines, and Hugging Face's metadata files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import (
    FileFinder,
    content_by_path,
    find_unlisted,
)
from pupila.artifacts.dataset.formats.listing import LISTED, Listing, Oddity, as_rows
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.box_rows import find_box_columns, unite_boxes
from pupila.artifacts.dataset.formats.tables.class_files import read_class_file
from pupila.artifacts.dataset.formats.tables.column_roles import find_roles, read_columns
from pupila.artifacts.dataset.formats.tables.split_columns import settle_split_column
from pupila.artifacts.dataset.formats.tables.table_choice import (
    are_of_splits,
    choose_copies,
    describe_form,
    find_table_forms,
    name_split,
)
from pupila.artifacts.dataset.formats.tables.table_file import (
    COLUMN_WORDS,
    MASK,
    STUDIO_COLUMNS,
    VIA_SHAPES,
    ParsedTable,
    parse_table,
    read_any_table,
    refuse_ragged,
)
from pupila.artifacts.dataset.labelling.cells import YesNoColumn
from pupila.artifacts.dataset.labelling.class_columns import (
    class_columns,
    is_alone,
    refuse_unread_columns,
)
from pupila.artifacts.dataset.labelling.label_column import settle_label_column
from pupila.artifacts.dataset.labels import is_record
from pupila.artifacts.dataset.reading import ReadSettings
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import closest
from pupila.core.vocabulary import SPLIT_WORDS, TABLE_SUFFIXES
from pupila.tasks.multilabel import MULTILABEL

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet", ROBOFLOW := "_classes.csv")


def read(place: Place, settings: ReadSettings) -> Listing | None:
    """The rows of a table, or of the one table (or metadata file) that a folder holds."""
    several = asks_for_several(settings)
    path = place.path
    if place.is_folder:
        folder = path.rstrip("/")
        if tables := _find_tables(folder, _has_labels):
            return read_tables(tables, folder, several)
        return read_class_columns(folder, several) if several else None
    if not path.lower().endswith(TABLE_SUFFIXES) or place.annotations.by_tool:
        return None
    home = str(PurePosixPath(path).parent) if not files.is_remote(path) else path.rsplit("/", 1)[0]
    return read_tables([path], home, several)


def asks_for_several(settings: ReadSettings) -> bool:
    """Whether the user says that images have several labels."""
    requested = settings.requested_task()
    return requested is not None and requested.target == MULTILABEL.target


def read_class_columns(folder: str, several: bool) -> Listing | None:
    """The rows of the folder's table with one column per class; None where there is no such table.

    They are the weakest sign of labels that a folder may hold: columns of yes and no may be about anything.

    Args:
        folder: of the images.
        several: whether the user says that images have several labels.
    """
    tables = _find_tables(folder, partial(_says_classes_alone, several=several))
    return read_tables(tables, folder, several) if tables else None


def read_unfit_table(folder: str) -> Listing | None:
    """The rows of the folder's table whose columns may be classes in words that can't be read; None for no such table.

    Args:
        folder: of images without labels.
    """
    tables = _find_tables(folder, lambda table: refuse_unread_columns(_other_columns(table)) is not None)
    return read_tables(tables, folder, several=True) if tables else None


def readable_classes(data: bytes) -> list[str]:
    """The names of the classes that reading finds in the bytes of a CSV table with one column per class.

    Args:
        data: with at least one line below the header.
    """
    try:
        frame = _rename_columns(parse_table(data, ".csv").frame, "labels.csv", ".")
    except pl.exceptions.PolarsError:  # two names that differ in blanks alone
        return []
    return (
        [] if "target" in frame.columns else [column.name for column in class_columns(frame, several=False)]
    )


def has_image_column(table: str) -> bool:
    """Whether a column of the table has a name of a column of images."""
    return "image" in find_roles(read_columns(table))


def holds_labels(table: str, several: bool) -> bool:
    """Whether the table has columns of images and labels by their names, or a column for each class."""
    return _has_labels(table) or _says_classes_alone(table, several)


def read_tables(tables: list[str], home: str, several: bool) -> Listing:
    """The rows of the tables together.

    Args:
        tables: their addresses.
        home: folder that the paths are relative to.
        several: whether the user says that images have several labels.
    """
    return read_parsed_tables(tables, [read_any_table(table) for table in tables], home, several)


def read_parsed_tables(tables: list[str], parsed: list[ParsedTable], home: str, several: bool) -> Listing:
    """The rows of tables with a column of images, under a name that we know.

    Args:
        tables: their addresses.
        parsed: their content.
        home: folder that the paths are relative to.
        several: whether the user says that images have several labels.

    Raises:
        PupilaError: a table has no column of images, or lines with more cells than the header that may be labels.
    """
    root = home.rstrip("/") or "/"
    frames = [_rename_columns(table.frame, uri, root) for table, uri in zip(parsed, tables, strict=True)]
    finder, notes, placed = FileFinder(root), list[str](), []
    for uri, table, frame in zip(tables, parsed, frames, strict=True):
        _refuse_repeated(table, uri)
        notes += table.describe_reading(files.relative(uri, root))
        if table.ragged and _may_cut_labels(frame):
            raise refuse_ragged(uri, table)
        if table.ragged:
            notes.append(say("{table}: {ragged}; the surplus is not read.", table=files.relative(uri, root),
                             ragged=table.describe_ragged()))  # fmt: skip
        if "given_split" not in frame.columns and (
            split := name_split(files.relative(uri, root), len(tables) > 1)
        ):
            frame = frame.with_columns(given_split=pl.lit(split))
        frame, chosen = choose_copies(frame, files.relative(uri, root), finder)
        placed.append(frame)
        notes += chosen
    frame, decided = settle_split_column(pl.concat(placed, how="diagonal"))
    notes += decided
    if "target" in frame.columns and MASK not in frame.columns:
        if boxes := find_box_columns(frame):
            frame, decided = unite_boxes(frame, boxes, files.relative(tables[0], root))
            notes += decided
        name = find_roles(parsed[0].frame).get("target", "target")
        frame, decided = settle_label_column(frame, name, several)
        notes += decided
    source = _listing(frame, finder, [files.relative(table, root) for table in tables])
    return replace(source, tables=tuple(tables), notes=[*notes, *source.notes])


def _refuse_repeated(table: ParsedTable, uri: str) -> None:
    """Stop where two columns have one name, which we read, and other cells: either may be meant."""
    roles = {name: role for role, name in find_roles(table.frame).items()}
    for column, name in table.repeated.items():
        if (
            name in roles
            and column in table.frame.columns
            and not table.frame[column].equals(table.frame[name])
        ):
            raise PupilaError(
                say("Several columns of {table} have the name {name}", table=uri, name=name),
                actual=say("different cells in them"), expected=say("one"),
                remedy=say("rename the others"),
            )  # fmt: skip


def _may_cut_labels(frame: pl.DataFrame) -> bool:
    """Whether cells beyond the last column may be labels: it is the column of labels, or one of the classes."""
    last = frame.columns[-1]
    return last == "target" or last in [column.name for column in class_columns(frame, several=False)]


def _find_tables(folder: str, fits: Callable[[str], bool]) -> list[str]:
    """The metadata files (also one per split folder), else the table or train/test tables of the folder.

    Args:
        folder: that is searched.
        fits: whether a table is of the kind that is sought.
    """
    names = files.list_files(folder)
    below = [sub for sub in files.list_folders(folder) if sub.lower() in SPLIT_WORDS]
    for name in _METADATA:
        if name in names and fits(files.join(folder, name)):
            return [files.join(folder, name)]
        nested = [files.join(folder, f"{sub}/{name}") for sub in below]
        nested = [uri for uri in nested if files.exists(uri) and fits(uri)]
        if nested:
            return nested
    fitting = [table for table in list_tables(folder) if fits(table)]
    forms = find_table_forms(fitting)
    fitting = [table for table in fitting if table not in forms]
    if len(fitting) > 1 and not are_of_splits(fitting):
        raise PupilaError(
            say("Several tables of images in {path}", path=folder),
            actual=listing([files.relative(t, folder) for t in fitting]), expected=say("one"),
            remedy=say("name the one that holds the labels: {flag}", flag="--labels FILE"),
        )  # fmt: skip
    return fitting


def describe_forms(folder: str, read: Sequence[str]) -> list[str]:
    """A note for each table of the folder that is a form for predictions beside the tables that are read.

    Args:
        folder: of the images.
        read: addresses of the tables that are read.
    """
    forms = find_table_forms([table for table in list_tables(folder) if table in read or _has_labels(table)])
    names = [files.relative(table, folder) for table in read]
    return [describe_form(files.relative(table, folder), label, names)
            for table, label in forms.items() if table not in read]  # fmt: skip


def list_tables(folder: str) -> list[str]:
    """The addresses of the tables directly in the folder; without Pupila's own."""
    names = files.list_files(folder)
    return [files.join(folder, name) for name in names
            if name.lower().endswith(TABLE_SUFFIXES) and not is_record(folder, name)]  # fmt: skip


def _has_labels(table: str) -> bool:
    """Whether the table has a column of images and one of labels or masks, or describes images by its name."""
    frame = read_columns(table)
    if VIA_SHAPES in frame.columns or {*frame.columns} >= STUDIO_COLUMNS:
        return False
    columns = find_roles(frame)
    if "image" in columns and {"target", MASK} & columns.keys():
        return True
    return PurePosixPath(table).name in _METADATA[:-1] and not find_class_columns(table)


def _says_classes_alone(table: str, several: bool) -> bool:
    """Whether the table has a column of images and several of yes and no, or one where several labels are requested."""
    columns = _other_columns(table)
    return bool(class_columns(columns, several)) and (several or not is_alone(columns))


def find_class_columns(table: str) -> list[YesNoColumn]:
    """The columns of yes and no of a table of images; empty for any other table."""
    return class_columns(_other_columns(table), several=False)


def _other_columns(table: str) -> pl.DataFrame:
    """The columns of a table of images whose names say nothing to us; none for any other table."""
    frame = read_columns(table)
    roles = find_roles(frame)
    return frame.drop(roles.values()) if "image" in roles else pl.DataFrame()


def _rename_columns(frame: pl.DataFrame, table: str, root: str) -> pl.DataFrame:
    """The table under our column names, paths relative to the root."""
    ours = {theirs: name for name, theirs in find_roles(frame).items()}
    if "image" not in ours.values():
        raise PupilaError(
            say("The table {path} has no image column", path=table), actual=listing(frame.columns, 8),
            expected=", ".join(COLUMN_WORDS["image"]),
            remedy=say("rename {name} to image", name=close) if (close := closest("image", frame.columns)) else "",
        )  # fmt: skip
    clash = [name for name in frame.columns if name not in ours and name in LISTED]
    frame = frame.rename({**{name: f"{name}_" for name in clash}, **ours})
    folder = files.relative(table, root).rpartition("/")[0]
    return frame.with_columns(_path(name, folder) for name in ("image", MASK) if name in frame.columns)


def _path(column: str, folder: str) -> pl.Expr:
    """The paths with forward slashes below the table's folder; a blank cell stays null."""
    path = pl.col(column).str.strip_chars().str.replace_all("\\", "/", literal=True)
    path = pl.when(path != "").then(path)
    return pl.concat_str(pl.lit(f"{folder}/" if folder else ""), path).alias(column)


def _listing(frame: pl.DataFrame, finder: FileFinder, tables: list[str]) -> Listing:
    root = finder.root
    text = [name for name in ("target", "group", "given_split") if name in frame.columns]
    frame = frame.with_columns(
        [pl.when(pl.col(n).str.strip_chars() == "").then(None).otherwise(pl.col(n)).alias(n) for n in text]
    )
    located = finder.find_all(frame["image"].drop_nulls().unique(maintain_order=True).to_list(), _is_not_mask)
    oddities = _find_missing_images(frame, located, finder)
    paths = {path: entry.path for path, entry in located.items() if entry}
    frame = frame.with_columns(pl.col("image").replace(paths))  # rows may name one file in several ways
    masks = MASK in frame.columns
    if masks:
        frame = frame.with_columns(target=_resolve_masks(frame[MASK], finder))
    usable = frame.filter(pl.col("image").is_in(list(paths.values())))
    by_path = {entry.path: entry for entry in located.values() if entry}
    entries = [by_path[path] for path in usable["image"]]
    if not entries:
        raise _refuse_strange(tables, root, oddities)
    if masks:
        oddities += _find_missing_masks(usable.unique("image", keep="first", maintain_order=True), finder)
        usable = usable.drop(MASK)
    columns: dict[str, Any] = {n: usable[n].to_list() for n in usable.columns if n != "image"}
    named = {e.path for e in entries}
    read = {*tables, *(usable["target"].drop_nulls() if masks else ())}
    oddities += [
        o
        for o in find_unlisted(root, named)
        if o.subject not in read and not o.subject.endswith(TABLE_SUFFIXES)
    ]
    notes = finder.notes(bare_names=True)
    layout = say("a table ({names})", names=listing(tables))
    rows = as_rows(entries, columns)
    if masks:
        return Listing(layout, root, rows, root, oddities, notes, "mask", read_class_file(root))
    return Listing(layout, root, rows, root, oddities, notes, cells=True)


def _refuse_strange(tables: list[str], root: str, oddities: list[Oddity]) -> PupilaError:
    """The error for a table that names none of the images: it may be about other data."""
    missing = [f"{oddity.subject} ({oddity.reason})" for oddity in oddities]
    return PupilaError(
        say("None of the images that {table} names exists", table=listing(tables)),
        actual=listing(missing, 3) or say("a table without rows"),
        expected=say("paths of images below {root}", root=root),
        remedy=say("correct the paths, or leave the table out: {flag}", flag="--layout folders"),
    )  # fmt: skip


def _is_not_mask(path: str) -> bool:
    return content_by_path(path) != "mask"


def _resolve_masks(paths: pl.Series, finder: FileFinder) -> pl.Series:
    """The paths of the masks; null for those that do not exist."""
    located = {
        p: finder.find(p, lambda hit: content_by_path(hit) == "mask")
        for p in paths.drop_nulls().unique(maintain_order=True)
    }
    targets = [entry and entry.path for entry in (located.get(path) for path in paths)]
    return pl.Series("target", targets, dtype=pl.String)


def _find_missing_masks(rows: pl.DataFrame, finder: FileFinder) -> list[Oddity]:
    without = rows.filter(pl.col("target").is_null()).select("image", MASK)
    return [
        Oddity(image, "image-without-mask", f"{mask}: {finder.explain(mask)}" if mask else "")
        for image, mask in without.iter_rows()
    ]


def _find_missing_images(
    frame: pl.DataFrame, located: dict[str, files.FileEntry | None], finder: FileFinder
) -> list[Oddity]:
    oddities = [
        Oddity(path, "image-url", say("a URL; download the image first")) if "://" in path
        else Oddity(path, "row-without-image", finder.explain(path))
        for path, entry in located.items() if entry is None
    ]  # fmt: skip
    blank = frame["image"].null_count()
    return oddities + [Oddity(say("a row without an image name"), "row-without-image", "")] * blank
