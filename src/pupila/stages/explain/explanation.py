"""The explanation of one prediction, on the image as the model sees it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pupila.artifacts.report.explanation import ImageClicks
from pupila.core import files
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.images.heat import overlay_heat
from pupila.imaging.images.memory import NamedBytes, source_name
from pupila.imaging.images.preprocess import Preprocessing, resize_plane
from pupila.imaging.tiles import blend_tiles, origins
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import PreprocessedImage


@dataclass(frozen=True, slots=True)
class ImagesToExplain:
    """Images, and what is known of them."""

    sources: Sequence[str | NamedBytes]
    groups: Array  # (N,) group numbers; each image its own where nothing is known
    split: str = ""  # of a data set
    left_out: int = 0  # images that were given and are not among them
    skipped: str = ""  # sentences on the files of folders that are no images
    region: Callable[[int, str], Array | None] | None = (
        None  # number of an image and a class to its (H, W) bool region
    )
    prompt: Prompt = field(default_factory=Prompt)  # for every image, with a promptable model


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The evidence for a class."""

    layer: str  # where it was read, to be translated; empty: it is made of predictions alone
    cells: (
        Array  # (K, h, w) float32 as it was computed for each of the image's K inputs, in units of the logit
    )
    placed: Array  # (H, W) float32, enlarged to the view

    @property
    def speaks_for(self) -> bool:
        """Whether any cell speaks for the class."""
        return bool((self.cells > 0).any())


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an image got its prediction."""

    image: str  # path or name
    prediction: Any = None  # of the task
    label: str = ""  # the class that is explained; empty: the prediction has none
    view: Array | None = None  # (H, W, 3) uint8: the model's input; of tiles the upright image
    maps: list[HeatMap] = field(default_factory=list)
    prepared: PreprocessedImage | None = None  # as the model was given it; None: there are no maps
    fault: ImageFault | None = None  # why there is none
    draw_over: Callable[[Array], Array] = lambda rgb: rgb  # what is drawn over each picture, such as a prompt
    clicks: ImageClicks | None = None  # of a prompt with one point

    def draw(self, heat_map: HeatMap, limit: float) -> Array:
        """(H, W, 3) uint8: a map over the view, on the scale with this end."""
        assert self.view is not None  # wherever there is a map
        return self.draw_over(overlay_heat(self.view, heat_map.placed, limit))


def preprocess_images(
    sources: Sequence[str | NamedBytes], preprocess: Callable[[bytes], PreprocessedImage]
) -> Iterator[tuple[str, PreprocessedImage | ImageFault]]:
    """The name of each image, with the model's inputs or why there are none."""
    for source in sources:
        try:
            data = files.read_bytes(source) if isinstance(source, str) else source.data
            yield source_name(source), preprocess(data)
        except OSError as fault:
            yield source_name(source), ImageFault("unreadable", fault.strerror or str(fault))
        except ImageFault as fault:
            yield source_name(source), fault


def place_maps(cells: Array, image: PreprocessedImage, spec: Preprocessing) -> Array:
    """(K, h, w) maps of an image's inputs as one (H, W) map over its view."""
    enlarged = np.stack([resize_plane(each, spec.height, spec.width) for each in cells.astype(np.float32)])
    if spec.view != "tile":
        return np.asarray(enlarged[0])
    places = origins(image.height, image.width, spec.height, spec.overlap)
    return np.asarray(blend_tiles(enlarged[:, None], places, image.height, image.width)[0])


def make_view(image: PreprocessedImage, spec: Preprocessing) -> Array:
    """(H, W, 3) uint8: the model's input as colours again; tiles are put together."""
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))
    shares = image.inputs * std + mean
    if spec.view == "tile":
        places = origins(image.height, image.width, spec.height, spec.overlap)
        whole = blend_tiles(shares, places, image.height, image.width)
    else:
        whole = shares[0]
    return np.asarray((whole * 255).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
