"""Answers as rows: for people, as JSON lines and as CSV; what all tasks share."""

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
Opened = TypeVar("Opened")  # what answers: a Predictor or a Prompter


@dataclass(frozen=True, slots=True)
class Output:
    """How images are read, what is meant in them, and what is written beside the rows."""

    folder: str | None = None  # None: nothing
    polygons: bool = False  # also the outlines of regions
    bands: BandSettings | None = (
        None  # how the bands of a TIFF become colours, where the bundle leaves it open
    )
    prompt: Prompt = field(default_factory=Prompt)  # in every image, of a bundle that answers prompts


@dataclass(frozen=True, slots=True)
class Telling(Generic[Opened]):
    """How the bundles of one task are asked, and how their answers are told."""

    opened: Callable[[Bundle], Opened]  # a bundle, ready to answer
    rows: Callable[[Opened, Iterable[str], Output], Iterator[Row]]  # one per address, in order
    columns: Callable[[list[str]], list[str]]  # of the table, for these classes
    cells: Callable[[Row, str], Row]  # of an answer, by column, files as seen from the table's folder
    for_people: Callable[[Row], str]  # what follows the image's name
    writes: bool  # whether there is anything to write into a folder
    prompted: bool = False  # whether it answers prompts


def check_bands(kept: BandSettings | None, wish: BandSettings) -> None:
    """Refuse other bands than those that the bundle was trained on.

    Args:
        kept: of the bundle; None: it leaves them open.
        wish: of the user.

    Raises:
        PupilaError: they disagree.
    """
    told = wish.model_dump(mode="json", exclude_unset=True)
    wanted = (
        {name: value for name, value in kept.model_dump(mode="json").items() if name in told}
        if kept
        else told
    )
    if told != wanted:
        raise PupilaError(
            say("The bundle was trained on other bands"), found=_pairs(told), wanted=_pairs(wanted),
            remedy=say("leave --set out: the bundle knows its bands"),
        )  # fmt: skip


def _pairs(settings: Row) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in settings.items())


def fault_row(uri: str, fault: ImageFault | OSError | PupilaError, code: str = "unreadable") -> Row:
    """Why there is no answer; an ImageFault has a code of its own."""
    if isinstance(fault, ImageFault):
        return {"image": uri, "error": {"code": fault.code, "reason": fault.reason}}
    reason = fault.strerror if isinstance(fault, OSError) else None
    return {"image": uri, "error": {"code": code, "reason": reason or " ".join(str(fault).split())}}


def for_people(told: Row, telling: Telling[Any]) -> str:
    """A line for a person."""
    if "error" in told:
        return say("{image}: {reason}", image=told["image"], reason=told["error"]["reason"])
    return f"{told['image']}: {telling.for_people(told)}"


def as_json(told: Row) -> str:
    """A JSON line."""
    return json.dumps(told, ensure_ascii=False)


def as_csv(told: Row, telling: Telling[Any], columns: list[str], table: str | None) -> str:
    """A line of the table at this path."""
    folder = (table or "").rpartition("/")[0] or "."
    given = {"error": told["error"]["reason"]} if "error" in told else telling.cells(told, folder)
    return line([{"image": told["image"], **given}.get(column, "") for column in columns])


def line(cells: list[Any]) -> str:
    """The cells as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().removesuffix("\n")
