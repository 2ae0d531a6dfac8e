"""Convert a data set to the format of other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.splits import find_matching_split

if TYPE_CHECKING:
    from pupila.stages.convert.convert import ConversionResult
from pupila.api.data import Data, open_with


def convert(data: Data, *, to: str, out: str | Path, **read: Any) -> "ConversionResult":
    """Write the images and masks in the format of other tools, by the existing split.

    Args:
        data: whatever `pupila.open` takes, with masks.
        to: masks, coco or yolo.
        out: a new or an empty folder.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.convert.convert.convert`.
    """
    from pupila.stages.convert.convert import convert as write

    opened = open_with(data, read)
    splits = find_matching_split(opened, opened.home)
    given = opened.images["given_split"].to_list()
    return write(opened, to, str(out), [row.split for row in splits.images] if splits else given)
