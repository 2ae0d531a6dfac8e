"""Labels from a table, matched by path or file name; every line that can't be used is reported."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.stages.label.labellers.labeller import Labeller, Outcomes, ProposedLabel
from pupila.stages.label.labellers.settings import TableSettings
from pupila.stages.label.labellers.table_lines import Line, read_label_lines
from pupila.stages.label.labellers.targets import TEXT_LABELS
from pupila.stages.label.targets import check_target


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
        finder, classes = _RowFinder(data), [] if data.task is None else data.classes
        table = read_label_lines(settings.file, data.target, classes, finder.path)
        check_target(data, table.target)
        self._text = TEXT_LABELS[table.target]
        self.name = f"csv:{PurePosixPath(settings.file).name}"
        self.annotator = settings.human_labels
        self._remarks = table.notes
        allowed = None if settings.new_classes or data.task is None else data.classes
        self._targets = self._match_rows(table.lines, finder, allowed)

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
        self, lines: list[Line], names: "_RowFinder", allowed: list[str] | None
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

    def path(self, cell: str) -> str | None:
        """The path of the one image that the cell refers to, the first of equal files; None: no image, or several."""
        rows = self.rows(cell)
        return self.images[self.first_row(rows[0])] if len(rows) == 1 else None

    def first_row(self, row: int) -> int:
        """The first row with the same bytes: a label belongs to the image content."""
        return self.firsts[self.digests[row]]


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
