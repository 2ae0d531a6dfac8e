"""What the page does with many images: a table, a summary, errors by file, and CSV."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from pupila.artifacts.web.client_errors import ServiceUnreachable
from pupila.core.csv_text import csv_text
from pupila.core.errors import PupilaError
from pupila.core.messages import percent, say, say_count, say_images
from pupila.stages.page.connection import Connection
from pupila.stages.page.markup import (
    describe_error,
    draw_download,
    draw_facts,
    draw_note,
    draw_progress,
    draw_table,
    draw_verdict,
)
from pupila.stages.page.uploads import Upload, drop, read
from pupila.stages.page.view import TaskView
from pupila.stages.page.views import find_view
from pupila.tasks import TASKS

BATCH = 16  # images between two reports of progress
_MOST_ROWS = 300  # shown; the file has all


@dataclass(frozen=True, slots=True)
class Row:
    """One file: a prediction or an error."""

    name: str
    prediction: str = ""
    confidence: float | None = None
    abstained: bool = False
    class_names: tuple[str, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Batch:
    """The files of one upload."""

    total: int
    rows: list[Row] = field(default_factory=list)

    def draw(self) -> str:
        """Summary, errors, table and download, as HTML."""
        usable = [row for row in self.rows if not row.error]
        failed = [row for row in self.rows if row.error]
        parts = [_draw_summary(usable, len(failed))]
        if failed:
            parts.append(draw_table((say("file"), say("error")), [(row.name, row.error) for row in failed],
                                    say("Files without a prediction")))  # fmt: skip
        parts.append(draw_download("predictions.csv", self.format_table(), say("Download as CSV")))
        if usable:
            columns = (say("file"), say("prediction"), say("confidence"), say("abstained"))
            shown = [_cells(row) for row in usable[:_MOST_ROWS]]
            parts.append(draw_table(columns, shown, say("Predictions")))
        if (rest := len(usable) - _MOST_ROWS) > 0:
            parts.append(draw_note(say_count("The CSV has {n} more.", "The CSV has {n} more.", rest)))
        return "".join(parts)

    def format_table(self) -> str:
        """A row for every file, in the order of the upload."""
        head = ("file", "prediction", "confidence", "abstained", "error")
        body = [
            (row.name, row.prediction, "" if row.confidence is None else f"{row.confidence:.6g}",
             str(row.abstained).lower() if not row.error else "", row.error)
            for row in self.rows
        ]  # fmt: skip
        return csv_text([head, *body])


def predict_many(connection: Connection, paths: Sequence[str], most: int, group: str = "") -> Iterator[str]:
    """Predict uploaded files, which are deleted, and report the progress as HTML; the last one is the result.

    A file that fails never stops the others; a service that stops leaves the rest without a prediction.

    Args:
        connection: to the service.
        paths: of the files.
        most: files at once.
        group: of related images, which they all are; empty: none.
    """
    try:
        view = _find_view(connection, len(paths), most)
        yield from _predict(connection, view, paths, group)
    except PupilaError as fault:
        yield describe_error(fault)
    finally:
        for path in paths:
            drop(path)


def _predict(connection: Connection, view: TaskView, paths: Sequence[str], group: str) -> Iterator[str]:
    batch = Batch(len(paths))
    stopped = text = ""  # why the rest is not sent, and why the latest part has no predictions
    for start in range(0, len(paths), BATCH):
        yield draw_progress(start, batch.total)
        part, rest = paths[start : start + BATCH], paths[start + BATCH :]
        uploads: list[Upload] = []
        for path in part:
            try:
                uploads.append(read(path))
            except PupilaError as fault:
                batch.rows.append(Row(Path(path).name, error=_describe(fault)))
        for path in {*part} - {*rest}:  # files of one name and content have one path
            drop(path)
        try:
            images = [upload.data for upload in uploads]
            predictions = None if stopped else connection.predict_batch(images, group=group)
        except PupilaError as fault:
            predictions, text = None, _describe(fault)
            stopped = text if isinstance(fault, ServiceUnreachable) else ""
        if predictions is None:
            batch.rows += [Row(upload.name, error=stopped or text) for upload in uploads]
        else:
            pairs = zip(uploads, predictions, strict=True)
            batch.rows += [_read_row(view, upload.name, prediction) for upload, prediction in pairs]
    yield batch.draw()


def _find_view(connection: Connection, count: int, most: int) -> TaskView:
    """How the predictions are shown.

    Raises:
        PupilaError: a promptable model, too many files, or the service does not respond.
    """
    task = connection.info().task
    view = find_view(task)
    if TASKS[task].takes_prompts:
        raise PupilaError(
            say("The service's model needs a prompt for each image"),
            remedy=say("open the images one by one in the tab 'One image'"),
        )
    if count > most:
        raise PupilaError(
            say("Too many files"), str(count), say("at most {n}", n=most), say("choose fewer files")
        )
    return view


def _read_row(view: TaskView, name: str, prediction: Any) -> Row:
    if prediction.value is None:
        return Row(name, error=_describe(prediction.fault))
    value = prediction.value
    return Row(name, view.text(value), value.confidence, value.abstained, view.class_names(value))


def _describe(fault: Any) -> str:
    """The fault on one line."""
    if isinstance(fault, PupilaError):
        return ": ".join(filter(None, (fault.problem, fault.actual)))
    return str(fault.reason)


def _cells(row: Row) -> tuple[str, ...]:
    confidence = "" if row.confidence is None else percent(row.confidence)
    return row.name, row.prediction, confidence, say("yes") if row.abstained else say("no")


def _draw_summary(rows: Sequence[Row], failed: int) -> str:
    counts = Counter(name for row in rows for name in row.class_names)
    errors = say_count("{n} error", "{n} errors", failed)
    predicted = say_count("{n} prediction", "{n} predictions", len(rows))
    headline = f"{predicted}, {errors}" if failed else predicted
    confidences = [row.confidence for row in rows if row.confidence is not None]
    facts = [(name, say_images(n)) for name, n in counts.most_common()]
    if confidences:
        span = say(
            "median {median}, lowest {lowest}",
            median=percent(median(confidences)),
            lowest=percent(min(confidences)),
        )
        facts.append((say("confidence"), span))
    facts.append((say("abstained"), say_images(sum(row.abstained for row in rows))))
    return draw_verdict(headline, say("Summary"), False) + draw_facts(facts)
