"""The known regions of images, as the model sees them."""

from collections.abc import Callable, Sequence

import numpy as np

from pupila.artifacts.dataset.manifest import Dataset
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.decode import Array
from pupila.imaging.images.memory import NamedBytes
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.tasks.segment import foreground_classes

Regions = Callable[[int, str], Array | None]  # number of an image and a class to its region


def read_regions(data: Dataset, rows: Sequence[int | None], spec: Preprocessing) -> Regions:
    """The (H, W) bool regions of a class in the masks of a data set, or of all its classes where none has that name.

    Args:
        data: with masks.
        rows: of each image; None: it has no mask.
        spec: how the model sees the images.
    """
    numbers = {name: index for index, name in enumerate(data.classes)}

    def read(place: int, label: str) -> Array | None:
        row = rows[place]
        if row is None:
            return None
        chosen = [numbers[label]] if label in numbers else list(foreground_classes(data.classes))
        return place_region(np.isin(data.mask(row), chosen), spec)

    return read


def match_regions(data: Dataset, sources: Sequence[str | NamedBytes], spec: Preprocessing) -> Regions:
    """The same, of images that the data set also has, byte for byte.

    Raises:
        PupilaError: the data have no masks, or none of the images.
    """
    if data.target != "mask":
        raise PupilaError(
            say("The regions need masks"), actual=say("a data set for {task}", task=str(data.target)),
            expected=say("a data set with masks of the same images"),
        )  # fmt: skip
    labelled = data.images["target"].to_list()
    places = {
        digest: row for row, digest in enumerate(data.images["sha256"].to_list()) if labelled[row] is not None
    }
    rows = [
        places.get(files.sha256(files.read_bytes(each) if isinstance(each, str) else each.data))
        for each in sources
    ]
    if all(row is None for row in rows):
        raise PupilaError(
            say("None of the images has a mask in {data}", data=data.name),
            expected=say("a data set with masks of the same images"),
        )  # fmt: skip
    return read_regions(data, rows, spec)


def place_region(region: Array, spec: Preprocessing) -> Array:
    """(H, W) bool of the upright image as (h, w) bool of what the model sees; of tiles as it is."""
    if spec.view == "tile":
        return region
    nearest = spec.model_copy(update={"interpolation": "nearest", "padding": 0})
    return fit_image(np.repeat(region[..., None].astype(np.uint8) * 255, 3, axis=2), nearest)[..., 0] > 0
