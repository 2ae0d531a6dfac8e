"""Labels of a table: matched by path or by file name, and nothing of it is dropped in silence."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from pupila.artifacts.dataset.formats.table import COLUMN_WORDS, read_table
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import unknown
from pupila.stages.label.labellers.labeller import Labeller, Outcomes, Said
from pupila.stages.label.labellers.question import UNSURE
from pupila.stages.label.labellers.settings import TableSettings


class Table(Labeller):
    """What a table says of the images of a data set.

    Raises:
        PupilaError: no table, no columns of images and labels, or data with masks.
    """

    def __init__(self, settings: TableSettings, data: Dataset) -> None:
        if data.legend is not None:
            raise PupilaError(
                say("A table of classes can't label masks"), found=say("data with masks"),
                wanted=say("data whose images have one class each"), remedy="pupila label DATA --with bundle:FOLDER",
            )  # fmt: skip
        self.name = f"csv:{PurePosixPath(settings.file).name}"
        self.person = settings.person
        self._remarks: list[str] = []
        allowed = None if settings.new_classes or data.task is None else data.classes
        self._said = self._matched(_cells(settings.file), _Names(data), allowed)

    def rows(self, data: Dataset) -> Sequence[int]:
        """Those that it names."""
        return sorted(self._said)

    def repeats(self, row: int, said: str | None) -> bool:
        """A table that was mended says something else now."""
        return self._said[row] == said

    def remarks(self) -> list[str]:
        """What of the table could not be used."""
        return self._remarks

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """What the table says."""
        for row in rows:
            target = self._said[row]
            yield row, Said(target, (target,) if target else ())

    def _matched(
        self, cells: list[tuple[str, str]], names: "_Names", allowed: list[str] | None
    ) -> dict[int, str | None]:
        told: dict[int, set[str]] = defaultdict(set)
        odd: dict[str, list[str]] = defaultdict(list)
        for image, label in cells:
            rows = names.rows(image)
            if len(rows) != 1:
                odd["several" if rows else "missing"].append(image or "''")
            elif not label:
                odd["blank"].append(image)
            elif allowed is not None and label not in (*allowed, UNSURE):
                odd["class"].append(f"{label} ({image})")
            else:
                told[names.first(rows[0])].add(label)
        odd["conflict"] = [names.images[row] for row, labels in told.items() if len(labels) > 1]
        self._remarks = _told(odd, allowed)
        sure = {row: next(iter(labels)) for row, labels in told.items() if len(labels) == 1}
        return {row: None if label == UNSURE else label for row, label in sure.items()}


class _Names:
    """Finds the rows that a cell means: by its path, else by its file name."""

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
        """All that it may mean."""
        path = cell.replace("\\", "/")
        if files.is_remote(path) or path.startswith("/"):
            path = files.relative(path, self.root)
        return self.by_path.get(files.normal(path)) or self.by_name.get(PurePosixPath(path).name, [])

    def first(self, row: int) -> int:
        """The first row with the same bytes: a label is of the picture."""
        return self.firsts[self.digests[row]]


def _cells(path: str) -> list[tuple[str, str]]:
    """(image, label) of each line of the table."""
    frame = read_table(path)
    lower = {name.lower(): name for name in reversed(frame.columns)}
    columns = []
    for ours in ("image", "target"):
        theirs = next((lower[word] for word in COLUMN_WORDS[ours] if word in lower), None)
        if theirs is None:
            raise PupilaError(
                say("The table {path} can't label", path=path), found=listing(frame.columns, 8),
                wanted=say("a column {names}", names=", ".join(COLUMN_WORDS[ours])),
                remedy=unknown(COLUMN_WORDS[ours][0], frame.columns),
            )  # fmt: skip
        columns.append(frame[theirs].fill_null("").str.strip_chars().to_list())
    return list(zip(*columns, strict=True))


def _told(odd: dict[str, list[str]], allowed: list[str] | None) -> list[str]:
    """A sentence for everything that can't be used."""
    lines = {
        "missing": say_count("One line names no image of the data: {names}.",
                             "{n} lines name no image of the data: {names}.", len(odd["missing"]),
                             names=listing(odd["missing"], 3)),
        "several": say_count("One line names several images: {names}.", "{n} lines name several images: {names}.",
                             len(odd["several"]), names=listing(odd["several"], 3)),
        "blank": say_count("One line has no label: {names}.", "{n} lines have no label: {names}.",
                           len(odd["blank"]), names=listing(odd["blank"], 3)),
        "class": say_count("One label is none of {classes}: {names}; --set new_classes=true takes it.",
                           "{n} labels are none of {classes}: {names}; --set new_classes=true takes them.",
                           len(odd["class"]), names=listing(odd["class"], 3), classes=listing(allowed or [], 8)),
        "conflict": say_count("One image has two labels in the table, and got neither: {names}.",
                              "{n} images have two labels in the table, and got neither: {names}.",
                              len(odd["conflict"]), names=listing(odd["conflict"], 3)),
    }  # fmt: skip
    return [line for name, line in lines.items() if odd[name]]
