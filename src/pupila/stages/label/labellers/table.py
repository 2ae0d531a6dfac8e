"""Labels from a table, matched by path or file name; every line that can't be used is reported."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import polars as pl

from pupila.artifacts.dataset.formats.listing import LISTED, Listing
from pupila.artifacts.dataset.formats.table import COLUMN_WORDS, MASK, read_table
from pupila.artifacts.dataset.labelling.settle import settle_labels
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.stages.label.labellers.labeller import Labeller, Outcomes, ProposedLabel
from pupila.stages.label.labellers.question import UNSURE
from pupila.stages.label.labellers.settings import TableSettings
from pupila.stages.label.labellers.targets import TEXT_LABELS
from pupila.stages.label.targets import check_target
from pupila.tasks import TASKS


class TableLabeller(Labeller):
    """Labels the images of a data set from a table.

    Raises:
        PupilaError: no table, no columns of images and labels, or data with masks.
    """

    def __init__(self, settings: TableSettings, data: Dataset) -> None:
        if data.target is not None and data.target not in TEXT_LABELS:
            raise PupilaError(
                say("A table of classes can't label masks"), actual=say("data with masks"),
                expected=say("data with classes"), remedy="pupila label DATA --with bundle:FOLDER",
            )  # fmt: skip
        table = _read_labels(settings.file, data)
        check_target(data, table.target)
        self._text = TEXT_LABELS[table.target]
        self.name = f"csv:{PurePosixPath(settings.file).name}"
        self.annotator = settings.human_labels
        self._remarks = table.notes
        allowed = None if settings.new_classes or data.task is None else data.classes
        lines = list(table.rows.select("image", "target", "unsure").iter_rows())
        self._targets = self._match_rows(lines, _RowFinder(data), allowed)

    def rows(self, data: Dataset) -> Sequence[int]:
        """The rows that the table names."""
        return sorted(self._targets)

    def repeats(self, row: int, previous: str | None) -> bool:
        """Whether the table still gives the previous label; it may have been corrected."""
        return self._targets[row] == previous

    def remarks(self) -> list[str]:
        """The lines of the table that could not be used."""
        return self._remarks

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """The label of each row."""
        for row in rows:
            target = self._targets[row]
            yield row, ProposedLabel(target, () if target is None else self._text.classes(target))

    def _match_rows(
        self, lines: list[tuple[str, str | None, bool]], names: "_RowFinder", allowed: list[str] | None
    ) -> dict[int, str | None]:
        labels_by_row: dict[int, set[str | None]] = defaultdict(set)
        unused: dict[str, list[str]] = defaultdict(list)
        for image, target, unsure in lines:
            rows = names.rows(image)
            if len(rows) != 1:
                unused["several" if rows else "missing"].append(image or "''")
            elif unsure:
                labels_by_row[names.first_row(rows[0])].add(None)
            elif target is None:
                unused["blank"].append(image)
            elif allowed is not None and (new := [n for n in self._text.named(target) if n not in allowed]):
                unused["class"].append(f"{', '.join(new)} ({image})")
            else:
                labels_by_row[names.first_row(rows[0])].add(target)
        unused["conflict"] = [names.images[row] for row, labels in labels_by_row.items() if len(labels) > 1]
        self._remarks = [*self._remarks, *_describe_unused(unused, allowed)]
        return {row: next(iter(labels)) for row, labels in labels_by_row.items() if len(labels) == 1}


class _RowFinder:
    """Finds the rows that a cell refers to: by its path, else by its file name."""

    def __init__(self, data: Dataset) -> None:
        self.root = data.root
        self.by_path: dict[str, list[int]] = {}
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.images: list[str] = data.images["image"].to_list()
        self.digests: list[str] = data.images["sha256"].to_list()
        self.firsts = {digest: row for row, digest in reversed(list(enumerate(self.digests)))}
        for row, image in enumerate(self.images):
            self.by_path[image] = [row]
            self.by_name[PurePosixPath(image).name].append(row)

    def rows(self, cell: str) -> list[int]:
        """All rows that the cell may refer to."""
        path = cell.replace("\\", "/")
        if files.is_remote(path) or path.startswith("/"):
            path = files.relative(path, self.root)
        return self.by_path.get(files.normalize_path(path)) or self.by_name.get(PurePosixPath(path).name, [])

    def first_row(self, row: int) -> int:
        """The first row with the same bytes: a label belongs to the image content."""
        return self.firsts[self.digests[row]]


def _read_labels(path: str, data: Dataset) -> Listing:
    """The lines of the table, read as the table of a data set is; the further column `unsure` has its cells.

    Raises:
        PupilaError: no column of images or of labels, or labels of another task than the data.
    """
    frame = read_table(path)
    cells = _rename_columns(frame)
    if "image" not in cells.columns:
        raise _lacks_column(path, frame, "image")
    named = "target" in cells.columns
    given = cells["target"] if named else pl.repeat(None, len(cells), dtype=pl.String, eager=True)
    words = given.str.strip_chars().replace("", None)
    unsure = (words == UNSURE).fill_null(value=False)
    cells = cells.with_columns(
        pl.col("image").fill_null("").str.strip_chars(), target=words.set(unsure, None)
    )
    requested = next((task for task in TASKS.values() if task.target == data.target), None)
    table = settle_labels(Listing("", "", cells, "", cells=True), requested)
    if not named and not table.rows["target"].count():
        raise _lacks_column(path, frame, "target")
    return replace(table, rows=table.rows.with_columns(unsure=unsure))


def _lacks_column(path: str, frame: pl.DataFrame, name: str) -> PupilaError:
    return PupilaError(
        say("The table {path} lacks a column of images or labels", path=path), actual=listing(frame.columns, 8),
        expected=say("a column {names}", names=", ".join(COLUMN_WORDS[name])),
    )  # fmt: skip


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


def _describe_unused(unused: dict[str, list[str]], allowed: list[str] | None) -> list[str]:
    """A sentence for each reason why lines can't be used."""
    lines = {
        "missing": say_count("One line refers to no image of the data: {names}.",
                             "{n} lines refer to no image of the data: {names}.", len(unused["missing"]),
                             names=listing(unused["missing"], 3)),
        "several": say_count("One line matches several images: {names}.", "{n} lines match several images: {names}.",
                             len(unused["several"]), names=listing(unused["several"], 3)),
        "blank": say_count("One line has no label: {names}.", "{n} lines have no label: {names}.",
                           len(unused["blank"]), names=listing(unused["blank"], 3)),
        "class": say_count("One label is not one of {classes}: {names}; --new-classes accepts it.",
                           "{n} labels are not among {classes}: {names}; --new-classes accepts them.",
                           len(unused["class"]), names=listing(unused["class"], 3), classes=listing(allowed or [], 8)),
        "conflict": say_count("One image has conflicting labels in the table and was skipped: {names}.",
                              "{n} images have conflicting labels in the table and were skipped: {names}.",
                              len(unused["conflict"]), names=listing(unused["conflict"], 3)),
    }  # fmt: skip
    return [line for name, line in lines.items() if unused[name]]
