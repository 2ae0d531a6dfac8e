"""Write a data set as other tools read it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data
from pupila.artifacts.dataset.splits import fitting_split

if TYPE_CHECKING:
    from pupila.stages.convert.convert import Converted
from pupila.api.data import Data


def convert(data: Data, *, to: str, out: str | Path, **read: Any) -> "Converted":
    """Write the images and masks as other tools read them, by the split that is there.

    Args:
        data: whatever `pupila.open` takes, with masks.
        to: masks, coco or yolo.
        out: a new or an empty folder.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.convert.convert.convert`.
    """
    from pupila.stages.convert.convert import convert as write

    opened = open_data(data, **read)
    made = fitting_split(opened, opened.home)
    given = opened.images["given_split"].to_list()
    return write(opened, to, str(out), [one.split for one in made.images] if made else given)
