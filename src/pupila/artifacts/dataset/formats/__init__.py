"""Data layouts: one file each, and one literal dict, tried from top to bottom."""

from collections.abc import Callable
from functools import partial

from pupila.artifacts.dataset.formats import manifest
from pupila.artifacts.dataset.formats.folders import folder
from pupila.artifacts.dataset.formats.listing import Listing
from pupila.artifacts.dataset.formats.masks import pairs
from pupila.artifacts.dataset.formats.place import Place
from pupila.artifacts.dataset.formats.tables import labels_file
from pupila.artifacts.dataset.formats.tools import annotation_listing, voc_labels, yolo
from pupila.artifacts.dataset.formats.tools.annotation_tools import TOOLS
from pupila.artifacts.dataset.reading import ReadSettings

_RUNS = "run-lengths"

# Each reader gets the place and the settings; it returns None where the place is not of its layout.
FORMATS: dict[str, Callable[[Place, ReadSettings], Listing | None]] = {
    "manifest": manifest.read,
    _RUNS: annotation_listing.read_run_lengths,  # before the tables whose form they have
    "table": labels_file.read,
    **{name: partial(annotation_listing.read, name=name) for name in TOOLS if name != _RUNS},
    "voc": voc_labels.read,
    "yolo": yolo.read,
    "masks": pairs.read,
    "folders": folder.read,
}
