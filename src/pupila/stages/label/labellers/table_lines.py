"""The lines of a table of labels, read as a data set's own table is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED, UNREADABLE_LABEL, Listing, Oddity
from pupila.artifacts.dataset.formats.tables.table_file import COLUMN_WORDS, MASK, read_table
from pupila.artifacts.dataset.labelling.label_column import settle_label_column
from pupila.artifacts.dataset.labelling.settle import settle_labels
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.stages.label.labellers.question import UNSURE
from pupila.stages.label.labellers.targets import TEXT_LABELS
from pupila.tasks import TASKS
from pupila.tasks.task import Target, Task


class Line(NamedTuple):
    """One line, or several about one image that add up."""

    image: str  # as the table has it, or its path
    target: str | None  # None: no label
    unsure: bool


@dataclass(frozen=True, slots=True)
class LabelLines:
    """All lines of a table."""

    target: Target  # of its labels
    lines: list[Line]
    notes: list[str]  # how they were read, for the user


def read_label_lines(
    uri: str, target: Target | None, classes: Sequence[str], find: Callable[[str], str | None]
) -> LabelLines:
    """The lines of the table.

    Args:
        uri: of the table.
        target: of the data; None: as the table suggests.
        classes: of the data, which a line that names what is present is about; none: those of the table.
        find: cell to the path of its image; None for none, or several.

    Raises:
        PupilaError: no column of images or of labels, or labels that the data can't have.
    """
    frame = read_table(uri)
    cells = _rename_columns(frame)
    if "image" not in cells.columns:
        raise _lacks_column(uri, frame, "image")
    named = "target" in cells.columns
    given = cells["target"] if named else pl.repeat(None, len(cells), dtype=pl.String, eager=True)
    words = given.str.strip_chars().replace("", None)
    unsure = (words == UNSURE).fill_null(value=False)
    images = cells["image"].fill_null("").str.strip_chars().to_list()
    cells, notes = _choose_labels(cells.with_columns(target=words.set(unsure, None)), frame, target, named)
    # Reading unites or drops lines about one image: each is an image of its own until it is known what they are.
    keys = [f"{number} {image}" for number, image in enumerate(images)]
    task = next((task for task in TASKS.values() if task.target == target), None)
    table = _settle(cells, keys, task, classes)
    if table.target in TEXT_LABELS and TEXT_LABELS[table.target].adds_up:
        keys = [find(image) or key for image, key in zip(images, keys, strict=True)]
        task = next(task for task in TASKS.values() if task.target == table.target)
        table = _settle(cells, keys, task, classes)
    if not named and not table.rows["target"].count():
        raise _lacks_column(uri, frame, "target")
    written, doubted = dict(zip(keys, images, strict=True)), set(pl.Series(keys).filter(unsure))
    lines = [
        Line(written[key], target, unsure)
        for key, target in table.rows.select("image", "target").iter_rows()
        for unsure in ([True] if key in doubted else []) + ([False] if key not in doubted or target else [])
    ]
    return LabelLines(
        table.target, lines, [*notes, *table.notes, *_describe_oddities(table.oddities, written)]
    )


def _choose_labels(
    cells: pl.DataFrame, frame: pl.DataFrame, target: Target | None, named: bool
) -> tuple[pl.DataFrame, list[str]]:
    """The lines with the labels in `target`, where other columns say which classes are present; and what was decided.

    Args:
        cells: the lines under our names.
        frame: under the names of the file.
        target: of the data.
        named: whether there is a column of labels.
    """
    if not named or target not in TEXT_LABELS or not TEXT_LABELS[target].adds_up:
        return cells, []
    name = frame.columns[cells.columns.index("target")]
    chosen, notes = settle_label_column(cells, name, several=True)
    if "target" not in chosen.columns:
        chosen = chosen.with_columns(target=pl.lit(None, dtype=pl.String))
    return chosen, notes


def _settle(cells: pl.DataFrame, keys: list[str], task: Task | None, classes: Sequence[str]) -> Listing:
    rows = cells.with_columns(image=pl.Series(keys, dtype=pl.String))
    return settle_labels(Listing("", "", rows, "", cells=True), task, classes)


def _describe_oddities(oddities: list[Oddity], written: Mapping[str, str]) -> list[str]:
    """A sentence where labels can't be read, and one where lines about one image contradict each other."""
    odd = {
        unreadable: [f"{written[oddity.subject]} ({oddity.reason})" for oddity in oddities
                     if (oddity.code == UNREADABLE_LABEL) is unreadable]
        for unreadable in (True, False)
    }  # fmt: skip
    sentences = {
        True: say_count("One label can't be read: {names}.", "{n} labels can't be read: {names}.", len(odd[True]),
                        names=listing(odd[True], 3)),
        False: say_count("One image has lines that contradict each other: {names}.",
                         "{n} images have lines that contradict each other: {names}.", len(odd[False]),
                         names=listing(odd[False], 3)),
    }  # fmt: skip
    return [sentence for unreadable, sentence in sentences.items() if odd[unreadable]]


def _rename_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """The table under our names for the columns that we know."""
    lower = {name.lower(): name for name in reversed(frame.columns)}
    ours: dict[str, str] = {}
    for name, words in COLUMN_WORDS.items():
        theirs = next((lower[word] for word in words if word in lower), None)
        if theirs is not None and name != MASK:
            ours.setdefault(theirs, name)
    clash = {name: f"{name}_" for name in frame.columns if name in LISTED and name not in ours}
    return frame.rename({**clash, **ours})


def _lacks_column(uri: str, frame: pl.DataFrame, name: str) -> PupilaError:
    return PupilaError(
        say("The table {path} lacks a column of images or labels", path=uri), actual=listing(frame.columns, 8),
        expected=say("a column {names}", names=", ".join(COLUMN_WORDS[name])),
    )  # fmt: skip
