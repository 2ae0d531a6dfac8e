"""Convert a data set to the format of other tools."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with
from pupila.api.inputs import Data, Path, path_text
from pupila.api.options import ReadOptions
from pupila.core.extras import public

if TYPE_CHECKING:
    from pupila.stages.convert.convert import ConversionResult


@public
def convert(
    data: Data, *, to: str, out: Path, palette: bool = False, **read: Unpack[ReadOptions]
) -> "ConversionResult":
    """Write the images and their masks or labels in the format of other tools, by the existing split.

    Args:
        data: whatever `pupila.open` takes, with masks or with several labels per image.
        to: masks (PNG files of class indices), coco or yolo; table (one column per class) or coco for several labels.
        out: a new or an empty folder.
        palette: whether the PNG files of masks get a palette of the classes' colours; without one, they are grey.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: see `pupila.stages.convert.convert.convert`.
    """
    from pupila.artifacts.dataset.splits import find_matching_split
    from pupila.stages.convert.convert import convert as write

    opened = open_with(data, read)
    splits = find_matching_split(opened, opened.home)
    given = opened.images["given_split"].to_list()
    names = [row.split for row in splits.images] if splits else given
    return write(opened, to, path_text(out), names, palette)
