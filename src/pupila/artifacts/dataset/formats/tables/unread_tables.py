"""Tables beside the images that are not read, and those that can't be: each is named, with the reason."""

from collections import Counter
from collections.abc import Sequence

from pupila.artifacts.dataset.formats.file_finder import content_by_path
from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables.class_files import CLASS_FILES
from pupila.artifacts.dataset.formats.tables.table import describe_forms, find_class_columns, list_tables
from pupila.artifacts.dataset.formats.tables.table_file import read_any_table
from pupila.artifacts.dataset.labelling.label_rows import MULTILABEL_FLAG
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.vocabulary import TABLE_SUFFIXES, is_own_file

_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_SHOWN = 3


def describe_unread_tables(folder: str, read: Sequence[str]) -> list[str]:
    """A note for each table of the folder that has columns of yes and no, or is a form, and is not read.

    Args:
        folder: of the images.
        read: the tables that are read.
    """
    tables = [table for table in list_tables(folder) if table not in read]
    names = {table: [column.name for column in find_class_columns(table)] for table in tables}
    forms = describe_forms(folder, read) if read else []
    return forms + [
        say("{table} has columns of yes and no ({names}), which are not read. To read them as classes, open the table "
            "itself, or use {flag}.", table=files.relative(table, folder), names=listing(columns, 8),
            flag=MULTILABEL_FLAG)
        if len(columns) > 1
        else say("{table} has one column of yes and no ({names}), which may be about anything and is not read. {flag} "
                 "reads it as a class.", table=files.relative(table, folder), names=listing(columns),
                 flag=MULTILABEL_FLAG)
        for table, columns in names.items() if columns
    ]  # fmt: skip


def describe_rowless_folders(place: Place, source: Listing) -> list[str]:
    """A note on folders, such as `test_images` or `docs`, of whose images the tables name none.

    Args:
        place: folder of the data.
        source: as its tables give it.
    """
    if files.is_remote(place.root) or source.root != place.root:
        return []
    read = {image.rpartition("/")[0] for image in source.rows["image"]}
    folders = Counter(entry.path.rpartition("/")[0] for entry in place.images)
    left = {folder: count for folder, count in folders.items()
            if folder not in read and content_by_path(f"{folder}/") != "mask"}  # fmt: skip
    if not left:
        return []
    return [say_count("{n} image is in no row of a table and is left out: {folders}.",
                      "{n} images are in no row of a table and are left out: {folders}.", sum(left.values()),
                      folders=listing(sorted(left), 3))]  # fmt: skip


def describe_broken_tables(place: Place, read: Sequence[str]) -> list[str]:
    """A sentence for each table and spreadsheet of the folder that can't be read.

    Args:
        place: folder of the data.
        read: addresses of the tables that are read.
    """
    sentences = []
    for folder in dict.fromkeys([place.home, place.root]):
        for name in files.list_files(folder):
            uri, shown = files.join(folder, name), name
            if is_own_file(name) or name in CLASS_FILES or files.is_hidden(name) or uri in read:
                continue
            if name.lower().endswith(_SPREADSHEETS):
                sentences.append(
                    say("{file} is a spreadsheet, which is not read: save it as CSV.", file=shown)
                )
            elif name.lower().endswith(TABLE_SUFFIXES) and (reason := _find_fault(uri)):
                sentences.append(
                    say("{file} can't be read as a table of labels: {reason}. Save it again, or remove it.",
                        file=shown, reason=reason)
                )  # fmt: skip
    return sentences[:_SHOWN]


def _find_fault(uri: str) -> str:
    """Why the table can't be read, or holds nothing; empty where it can."""
    try:
        table = read_any_table(uri)
    except PupilaError as fault:
        return (fault.actual or fault.problem).rstrip(".")
    return say("it has no rows") if table.frame.is_empty() else ""
