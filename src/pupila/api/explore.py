"""Explore a data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import fitting_split
from pupila.artifacts.report.page import render
from pupila.core import files
from pupila.core.vocabulary import (
    EXPLORE_FILE,
    FINGERPRINT_FILE,
)
from pupila.stages.doctor.examine import examine
from pupila.stages.doctor.faults import title
from pupila.stages.explore.colour import colours
from pupila.stages.explore.fingerprint import fingerprint
from pupila.stages.explore.neighbours import laid_out
from pupila.stages.explore.page import explore_page

if TYPE_CHECKING:
    pass
from pupila.api.data import Data, results_folder


@dataclass(frozen=True, slots=True)
class Explored:
    """Where the results of exploring lie."""

    fingerprint: dict[str, Any]
    fingerprint_file: str
    page: str  # path of explore.html


def explore(
    data: Data, *, out: str | Path | None = None, bundle: str | Path | None = None, **read: Any
) -> Explored:
    """Write `fingerprint.json` and `explore.html`: the doctor's findings and the splits are part of them.

    Args:
        data: whatever `pupila.open` takes.
        out: folder for both files; by default that of the data.
        bundle: folder of a bundle or a run by whose eyes images are alike on the map; None: by their colours.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: no such bundle, or one that answers to prompts.
    """
    opened = open_data(data, **read)
    home = results_folder(opened, out)
    found = colours(opened)
    around = laid_out(opened, found, None if bundle is None else str(bundle))
    faults = examine(opened)
    splits = fitting_split(opened, home)
    told = fingerprint(opened, [fault.as_dict() for fault in faults], found, around, splits)
    sides = [a.split for a in splits.images] if splits else None
    page = explore_page(opened, told, {fault.code: title(fault.code) for fault in faults}, around, sides)
    fingerprint_file, page_file = files.join(home, FINGERPRINT_FILE), files.join(home, EXPLORE_FILE)
    files.write_json(fingerprint_file, told)
    files.write_bytes(page_file, render(page).encode())
    opened.save(home)
    return Explored(told, fingerprint_file, page_file)
