"""Open a data set."""

from typing import Any

from pupila.api.data import Data, open_with
from pupila.artifacts.dataset.manifest import Dataset


def open(path: Data, **read: Any) -> Dataset:
    """Open images with whatever labels, groups and splits they come with.

    Args:
        path: a folder per class (also below train/val/test), a flat folder, images beside masks, COCO or YOLO
            annotations, a CSV, Parquet or JSON-lines table, a folder with Hugging Face's metadata file, a saved
            manifest, or an open data set.
        read: fields of `ReadSettings`, where the data are not open yet.

    Raises:
        PupilaError: the path does not exist, holds no images, or has no layout that Pupila reads.
    """
    return open_with(path, read)
