"""Predictions as rows: as text, as JSON lines and as CSV; what all tasks share."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pupila.artifacts.bundle.folder import Bundle
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import ImageFault
from pupila.tasks.prompt import Prompt

Row = dict[str, Any]
Opened = TypeVar("Opened")  # a Predictor or a Prompter


@dataclass(frozen=True, slots=True)
class Output:
    """How images are read, the prompt, and what is written besides the rows."""

    folder: str | None = None  # None: nothing
    polygons: bool = False  # also the outlines of regions, as polygons
    bands: BandSettings | None = (
        None  # how the bands of a TIFF become colours, where the bundle leaves it open
    )
    prompt: Prompt = field(default_factory=Prompt)  # for every image, of a promptable bundle


@dataclass(frozen=True, slots=True)
class TaskPredictor(Generic[Opened]):
    """How the bundles of one task predict, and how their predictions become rows and text."""

    open_bundle: Callable[[Bundle], Opened]  # a bundle, ready to predict
    predict_rows: Callable[[Opened, Iterable[str], Output], Iterator[Row]]  # one per address, in order
    cells: Callable[[Row, str], Row]  # of a row, by column, paths relative to the table's folder
    summarize: Callable[[Row], str]  # the text after the image's name


def check_bands(bundle_bands: BandSettings | None, bands: BandSettings) -> None:
    """Refuse other bands than those that the bundle was trained on.

    Args:
        bundle_bands: of the bundle; None: it leaves them open.
        bands: of the user.

    Raises:
        PupilaError: they differ.
    """
    given = bands.model_dump(mode="json", exclude_unset=True)
    expected = (
        {name: value for name, value in bundle_bands.model_dump(mode="json").items() if name in given}
        if bundle_bands
        else given
    )
    if given != expected:
        raise PupilaError(
            say("The bundle was trained on other bands"), actual=_pairs(given), expected=_pairs(expected),
            remedy=say("leave the band settings out: the bundle has them"),
        )  # fmt: skip


def _pairs(settings: Row) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in settings.items())


def error_row(uri: str, fault: ImageFault | OSError | PupilaError, code: str = "unreadable") -> Row:
    """The row of an image without a prediction; an ImageFault has its own code."""
    if isinstance(fault, ImageFault):
        return {"image": uri, "error": {"code": fault.code, "reason": fault.reason}}
    reason = fault.strerror if isinstance(fault, OSError) else None
    return {"image": uri, "error": {"code": code, "reason": reason or " ".join(str(fault).split())}}


def describe_row(row: Row, task: TaskPredictor[Any]) -> str:
    """The row as a line of text."""
    if "error" in row:
        return say("{image}: {reason}", image=row["image"], reason=row["error"]["reason"])
    return f"{row['image']}: {task.summarize(row)}"


def to_json(row: Row) -> str:
    """The row as a JSON line."""
    return json.dumps(row, ensure_ascii=False)


def to_csv(row: Row, task: TaskPredictor[Any], columns: list[str], table: str | None) -> str:
    """The row as a line of the table at this path."""
    folder = (table or "").rpartition("/")[0] or "."
    filled = {"error": row["error"]["reason"]} if "error" in row else task.cells(row, folder)
    return csv_line([{"image": row["image"], **filled}.get(column, "") for column in columns])


def csv_line(cells: list[Any]) -> str:
    """The cells as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().removesuffix("\n")
