"""Open a data set."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with
from pupila.api.inputs import Data, Path
from pupila.api.options import ReadOptions
from pupila.core.extras import public

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset


@public
def open(data: Data, *, out: Path | None = None, **read: Unpack[ReadOptions]) -> "Dataset":
    """Open images with whatever labels, groups and splits they come with.

    Args:
        data: the path of a folder per class (also below train/val/test), a flat folder, images beside masks, COCO or
            YOLO annotations, a CSV, Parquet or JSON-lines table, a folder with Hugging Face's metadata file, or a saved
            manifest. Or a list of images or of (image, label), where an image is a path, a Pillow image, a numpy array
            (height, width, 3) of uint8 or the bytes of a file, and a label is a class, a list of classes, class names
            with True, False or None (unknown), or a mask; a polars or pandas
            table with the columns of a table file; a torchvision ImageFolder; a Hugging Face dataset with an Image
            feature; a mapping of split names to these; or an open data set.
        out: folder for data that are no folder yet: a table, and the images that are only in memory; by default one in
            Pupila's cache, named by the content. Split and labels are written there, too.
        read: how the images are read, where the data are not open yet.

    Raises:
        PupilaError: the path does not exist, holds no images, or has no layout that Pupila reads; another type.
    """
    return open_with(data, read, out)
