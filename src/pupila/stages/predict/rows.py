"""Predictions as rows: as text, as JSON lines and as CSV; what all tasks share."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.predictions.columns import ERROR, IMAGE
from pupila.artifacts.predictions.rows import FailedRow, ImageError, PredictionRow
from pupila.core.csv_text import csv_line
from pupila.core.errors import PupilaError
from pupila.core.messages import escape_controls, say
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import ImageFault
from pupila.tasks.prompt import Prompt

Cells = dict[str, object]  # by column
Opened = TypeVar("Opened")  # a Predictor or a Prompter
Row = TypeVar("Row", bound=PredictionRow)  # of one task


@dataclass(frozen=True, slots=True)
class Output:
    """How images are read, the prompt, and what is written besides the rows."""

    folder: str | None = None  # None: nothing
    polygons: bool = False  # also the outlines of regions, as polygons
    palette: bool = False  # whether mask files get a palette of the classes' colours
    bands: BandSettings | None = (
        None  # how the bands of a TIFF become colours, where the bundle leaves it open
    )
    prompt: Prompt = field(default_factory=Prompt)  # for every image, of a promptable bundle


def _no_class(row: PredictionRow) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class TaskPredictor(Generic[Opened, Row]):
    """How the bundles of one task predict, and how their predictions become rows and text."""

    open_bundle: Callable[[Bundle], Opened]  # a bundle, ready to predict
    # One per address, in order.
    predict_rows: Callable[[Opened, Iterable[str], Output], Iterator[Row | FailedRow]]
    cells: Callable[[Row, str], Cells]  # of a row, paths relative to the table's folder
    summarize: Callable[[Row], str]  # the text after the image's name
    class_names: Callable[[Row], tuple[str, ...]] = _no_class  # of the whole image, which a summary counts


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


def _pairs(settings: Cells) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in settings.items())


def error_row(uri: str, fault: ImageFault | OSError | PupilaError, code: str = "unreadable") -> FailedRow:
    """The row of an image without a prediction; an ImageFault has its own code."""
    if isinstance(fault, ImageFault):
        return FailedRow(image=uri, error=ImageError(code=fault.code, reason=fault.reason))
    reason = fault.strerror if isinstance(fault, OSError) else None
    return FailedRow(image=uri, error=ImageError(code=code, reason=reason or " ".join(str(fault).split())))


def describe_row(row: PredictionRow, task: TaskPredictor[Any, Any]) -> str:
    """The row as a line of text."""
    if isinstance(row, FailedRow):
        return say("{image}: {reason}", image=row.image, reason=row.error.reason)
    return escape_controls(f"{row.image}: {task.summarize(row)}")


def to_csv(row: PredictionRow, task: TaskPredictor[Any, Any], columns: list[str], table: str | None) -> str:
    """The row as a line of the table at this path."""
    folder = (table or "").rpartition("/")[0] or "."
    cells: Cells = (
        {IMAGE: row.image, ERROR: row.error.reason} if isinstance(row, FailedRow) else task.cells(row, folder)
    )
    return csv_line([cells.get(column, "") for column in columns])
