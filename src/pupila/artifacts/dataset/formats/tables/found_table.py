"""Tables whose columns have other names, or none: the images that exist tell which column names them."""

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.file_finder import split_from_words
from pupila.artifacts.dataset.formats.file_names import name_key
from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.tables.class_files import CLASS_FILES
from pupila.artifacts.dataset.formats.tables.columns_in_words import describe_column, is_numbered
from pupila.artifacts.dataset.formats.tables.found_columns import TableColumns, find_columns, is_image_name
from pupila.artifacts.dataset.formats.tables.json_tables import parse_json_table
from pupila.artifacts.dataset.formats.tables.numbered_lists import IMAGE, join_numbered_lists
from pupila.artifacts.dataset.formats.tables.table import read_parsed_tables
from pupila.artifacts.dataset.formats.tables.table_file import ParsedTable, parse_table, read_any_table
from pupila.artifacts.dataset.formats.tables.text_tables import LIST_SUFFIXES, list_lines
from pupila.artifacts.dataset.formats.tools.studio_tasks import are_tasks
from pupila.artifacts.dataset.labelling.class_columns import class_columns, is_alone
from pupila.artifacts.dataset.labels import is_record
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.vocabulary import IMAGE_SUFFIXES, SPLIT_WORDS, TABLE_SUFFIXES

JSON = ".json"
_MOST_FOLDERS = 8  # without images that are searched
_MOST_TABLES = 20  # of one ending
_NEARLY_ALL = 0.9
_SUFFIXES = (*TABLE_SUFFIXES, *LIST_SUFFIXES, JSON)
_LINE = re.compile(
    rf"\s*(.+?(?:{'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES)))}))(?:[\s,;|]+(.*?))?\s*", re.IGNORECASE
)
_BARE = re.compile(r"(\S+?)(?:[\s,;|]+(.*?))?")  # a name without an ending
_NUMBERS = re.compile(r"[-\d.]+(?:[\s,;|]+[-\d.]+)+")  # several of them, which are no label


@dataclass(frozen=True, slots=True)
class _ImageTable:
    """A table that names images."""

    uri: str
    table: ParsedTable
    columns: TableColumns
    form: str  # how a file that is no table of columns holds them


def read_found_table(
    root: str, images: Sequence[files.FileEntry], several: bool, tables: Sequence[str] = ()
) -> tuple[Listing | None, list[str]]:
    """The rows of the tables that name the images, and notes on those that can't be used; None where none can.

    Args:
        root: folder of the images and the tables.
        images: below the root.
        several: whether the user says that images have several labels.
        tables: that are looked at; none: those in the root.

    Raises:
        PupilaError: several tables, or several columns, may hold the labels.
    """
    candidates = tables or _list_candidates(root, images)
    names = _list_keys(images) if candidates else set()
    usable, bare, notes = [], [], []
    for uri in candidates:
        name = files.relative(uri, root)
        if (parsed := _parse(uri, names, len(images))) is None or parsed[0].frame.is_empty():
            continue
        table, named, form = parsed
        shown = listing(table.frame.columns, 8)
        columns = find_columns(table.frame, names, name, named)
        if columns is None:
            if not uri.lower().endswith((*LIST_SUFFIXES, JSON)):
                notes.append(say("{table} is not read: none of its columns ({columns}) names images that exist.",
                                 table=name, columns=shown))  # fmt: skip
        elif table.frame.width == 1 and named:
            bare.append(_ImageTable(uri, table, columns, form))
        elif columns.label is None and not _holds_classes(table.frame.drop(columns.image), several, uri):
            notes.append(_describe_unlabelled(name, table, columns))
        else:
            usable.append(_ImageTable(uri, table, columns, form))
    if usable and _are_of_splits([*usable, *bare]):
        usable += bare
    else:
        notes += [
            _describe_unlabelled(files.relative(each.uri, root), each.table, each.columns) for each in bare
        ]
    if not usable and not tables and (numbered := _find_numbered(root, images)) is not None:
        usable, notes = [numbered], []
    return (_join(usable, root, several), notes) if usable else (None, notes)


def _describe_unlabelled(name: str, table: ParsedTable, columns: TableColumns) -> str:
    if is_numbered(table.frame.columns[0]):
        return say("{table} names images in {image}, but none of its columns looks like labels. If one is, write a "
                   "first line that names the columns, one of them {label}.", table=name, image=columns.image,
                   label="label")  # fmt: skip
    return say("{table} names images in {image}, but none of its columns ({columns}) looks like labels. Rename one "
               "that is to {label}.", table=name, image=columns.image, columns=listing(table.frame.columns, 8),
               label="label")  # fmt: skip


def _find_split(table: _ImageTable) -> str | None:
    """The split that the table, or else the folder it lies in, is named after."""
    path = PurePosixPath(table.uri)
    return split_from_words(path.stem) or SPLIT_WORDS.get(path.parent.name.lower())


def _are_of_splits(tables: Sequence[_ImageTable]) -> bool:
    """Whether each table is named after a split of its own."""
    splits = [_find_split(each) for each in tables]
    return None not in splits and len(set(splits)) == len(splits)


def _find_numbered(root: str, images: Sequence[files.FileEntry]) -> _ImageTable | None:
    """The lists that belong together by the numbers of their lines, as one table; None where they hold no labels."""
    lists = join_numbered_lists(root, (entry.path for entry in images))
    if lists is None:
        return None
    columns = find_columns(lists.frame, _list_keys(images), lists.paths[IMAGE], named=True)
    if columns is None or columns.label is None:
        return None
    form = say("its lines have the numbers of those of {labels}, which holds the labels",
               labels=lists.paths[columns.label])  # fmt: skip
    return _ImageTable(files.join(root, lists.paths[IMAGE]), ParsedTable(lists.frame), columns, form)


def describe_passed_tables(root: str, images: Sequence[files.FileEntry], passed: Set[str]) -> list[str]:
    """A note for each table that names the images and may hold labels, where other labels are read.

    Args:
        root: folder of the images and the tables.
        images: below the root.
        passed: tables and other files that are read, or named elsewhere.
    """
    notes: list[str] = []
    if not (candidates := _list_candidates(root, images)):
        return notes
    names = _list_keys(images)
    for uri in candidates:
        name = files.relative(uri, root)
        if (
            uri in passed
            or PurePosixPath(uri).stem.lower() in SPLIT_WORDS
            or (parsed := _parse(uri, names, len(images))) is None
            or parsed[0].frame.is_empty()
        ):
            continue
        try:
            columns = find_columns(parsed[0].frame, names, name, parsed[1])
        except PupilaError:  # several columns may hold them
            continue
        if columns is not None and columns.label is not None:
            notes.append(say("{table} names images and may hold their labels, but is not read; to read it, use {flag}.",
                             table=name, flag=f"--labels {name}"))  # fmt: skip
    return notes


def _list_keys(images: Sequence[files.FileEntry]) -> set[str]:
    """The keys of the images' names, with and without their endings."""
    names = [entry.path.rpartition("/")[2] for entry in images]
    return {name_key(name) for name in names} | {name_key(name.rpartition(".")[0] or name) for name in names}


def _list_candidates(root: str, images: Sequence[files.FileEntry]) -> list[str]:
    """The files that may be tables: in the root, its folders without images, those of splits, and around the images.

    Where many in a folder have one ending, they belong to an image each.
    """
    below = {entry.path.partition("/")[0] for entry in images}
    folders = [name for name in files.list_folders(root) if name not in below or name.lower() in SPLIT_WORDS]
    candidates = []
    folders = folders if len(folders) <= _MOST_FOLDERS else []
    folders += [folder for folder in _list_wrappers(images) if folder not in folders]
    for folder in [root, *(files.join(root, name) for name in folders)]:
        names = [name for name in files.list_files(folder) if name.lower().endswith(_SUFFIXES)
                 and name not in CLASS_FILES and not is_record(folder, name)]  # fmt: skip
        count = Counter(map(files.suffix, names))
        candidates += [
            files.join(folder, name) for name in names if count[files.suffix(name)] <= _MOST_TABLES
        ]
    return candidates


def _list_wrappers(images: Sequence[files.FileEntry]) -> list[str]:
    """The folders below the root, one within another, that hold nearly all images."""
    counts = Counter(entry.path.rpartition("/")[0] for entry in images)
    wrappers: list[str] = []
    while True:
        within: Counter[str] = Counter()
        above = f"{wrappers[-1]}/" if wrappers else ""
        for folder, count in counts.items():
            if folder.startswith(above) and (name := folder[len(above) :].partition("/")[0]):
                within[above + name] += count
        if not within or within.most_common(1)[0][1] < _NEARLY_ALL * len(images):
            return wrappers
        wrappers.append(within.most_common(1)[0][0])


def _holds_classes(frame: pl.DataFrame, several: bool, uri: str) -> bool:
    """Whether the other columns of a JSON table are classes, with yes and no in their cells."""
    return (
        uri.lower().endswith(JSON)
        and bool(class_columns(frame, several))
        and (several or not is_alone(frame))
    )


def _parse(uri: str, names: set[str], images: int) -> tuple[ParsedTable, bool, str] | None:
    """The table, whether its columns have names, and its form; None for a file that is no table."""
    if uri.lower().endswith(JSON):
        try:
            content = files.read_json(uri)
        except PupilaError:
            return None
        if are_tasks(content):  # their images stand in several fields, and their labels in none
            return None
        parsed = parse_json_table(content, lambda cell: is_image_name(cell, names), images)
        return None if parsed is None else (ParsedTable(parsed.frame), parsed.named, parsed.form)
    if uri.lower().endswith(LIST_SUFFIXES):
        frame = _parse_list(files.read_bytes(uri), names)
        return None if frame is None else (ParsedTable(frame), False, "")
    try:
        table = read_any_table(uri)
        if any(is_image_name(name, names) for name in table.frame.columns):
            return parse_table(files.read_bytes(uri), files.suffix(uri), header=False), False, ""
    except PupilaError:
        return None
    return table, True, ""


def _parse_list(data: bytes, names: set[str]) -> pl.DataFrame | None:
    """The lines `path label`; None where they don't begin with the path of an image, or the name of one that exists."""
    lines = [line for line in list_lines(data) if not line.startswith("#")]
    matches = [match for line in lines if (match := _LINE.fullmatch(line))]
    if len(matches) < len(lines):
        bare = [
            match for line in lines if (match := _BARE.fullmatch(line)) and is_image_name(match[1], names)
        ]
        matches = [] if any(_NUMBERS.fullmatch(match[2] or "") for match in bare) else bare
    if not matches or len(matches) < len(lines):
        return None
    columns = {"column 1": [match[1] for match in matches], "column 2": [match[2] for match in matches]}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return frame if frame["column 2"].drop_nulls().len() else frame.drop("column 2")


def _join(usable: list[_ImageTable], root: str, several: bool) -> Listing:
    """The rows of one table, or of those of the splits.

    Raises:
        PupilaError: several tables, which are not those of the splits.
    """
    splits = [_find_split(each) for each in usable]
    if len(usable) > 1 and not _are_of_splits(usable):
        raise PupilaError(
            say("Several tables of images in {path}", path=root),
            actual=listing([files.relative(each.uri, root) for each in usable]), expected=say("one"),
            remedy=say("name the one that holds the labels: {flag}", flag="--labels FILE"),
        )  # fmt: skip
    parsed, notes = [], []
    for each, split in zip(usable, splits, strict=True):
        columns = {each.columns.image: "image", each.columns.label: "label", each.columns.split: "split"}
        ours = {theirs: name for theirs, name in columns.items() if theirs is not None}
        clash = {name: f"{name}_" for name in each.table.frame.columns
                 if name not in ours and name.lower() in ("image", "label", "split")}  # fmt: skip
        frame = each.table.frame.rename({**clash, **ours})
        if len(usable) > 1 and "split" not in frame.columns:
            frame = frame.with_columns(split=pl.lit(split))
        parsed.append(replace(each.table, frame=frame))
        notes += [_describe(each, files.relative(each.uri, root)), *_describe_groups(each.columns)]
    source = read_parsed_tables([each.uri for each in usable], parsed, root, several)
    return replace(source, notes=[*notes, *source.notes])


def _describe_groups(columns: TableColumns) -> list[str]:
    return [say("The column {name} groups images; {by} keeps each group in one split.", name=name,
                by=f"pupila split --by {name}") for name in columns.groups]  # fmt: skip


def _describe(source: _ImageTable, name: str) -> str:
    if source.form:
        return say("{table}: {form}.", table=name, form=source.form)
    if source.columns.label is None:
        return say("{table}: by its content {image} names the images.", table=name,
                   image=describe_column(source.columns.image))  # fmt: skip
    return say("{table}: by its content {image} names the images, and {label} is the label.", table=name,
               image=describe_column(source.columns.image), label=source.columns.label)  # fmt: skip
