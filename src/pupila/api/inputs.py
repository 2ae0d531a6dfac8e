"""What the functions take for data, models and images, and the one sentence that refuses everything else."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, Union

from pupila.core.errors import PupilaError, describe_type
from pupila.core.messages import integer, say

if TYPE_CHECKING:
    from pupila.api.load import Model
    from pupila.artifacts.bundle.folder import Bundle
    from pupila.artifacts.dataset.manifest import Dataset
    from pupila.artifacts.dataset.sample import Sample
    from pupila.artifacts.run.folder import Run
    from pupila.imaging.images.decode import Array
    from pupila.imaging.images.memory import Picture

MOST_IN_MEMORY = 1_000_000  # images of one call; an iterator without an end has more
Path = str | os.PathLike[str]


class Frame(Protocol):
    """A table of polars or pandas."""

    @property
    def columns(self) -> Any:
        """Names."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""


class ImageFolder(Protocol):
    """torchvision's `ImageFolder`, or any data set with its lists."""

    samples: Any  # (path, class index) of each image
    classes: Any  # names


class HuggingFaceDataset(Protocol):
    """A data set of Hugging Face's `datasets` with an `Image` feature."""

    @property
    def features(self) -> Any:
        """Column -> `Image`, `ClassLabel`, ..."""

    @property
    def column_names(self) -> Any:
        """Names."""


# Unions with names that are loaded late: written so that `| None` works on them at run time.
Rows = Sequence[Any] | Frame | ImageFolder | HuggingFaceDataset
Data = Union[Path, "Dataset", Rows, Mapping[str, Rows]]
ModelInput = Union[Path, "Bundle", "Run", "Model"]
ImageSource = Union[Path, bytes, "Picture", "Array", "Sample"]
Images = Union[ImageSource, Sequence[ImageSource], "Dataset"]


def is_path(value: object) -> bool:
    """Whether this names a file, a folder or a URI."""
    return isinstance(value, str | os.PathLike)


def path_text(path: Path) -> str:
    """A path as text.

    Raises:
        PupilaError: it is empty, or no path.
    """
    if not is_path(path) or not (text := os.fspath(path)):
        raise PupilaError(
            say("Not a path"), actual=describe_type(path), expected=say("the path of a file or a folder")
        )
    return text


def list_images(images: Images) -> list[Any]:
    """The images that a user gave for prediction, each a path, a pattern, bytes, a picture or a sample.

    Raises:
        PupilaError: another type, which is named with its position, or no image at all.
    """
    if is_path(images) or _is_image(images):
        return [images]
    if _is_batch(images):
        return list(images)  # type: ignore[arg-type]
    if hasattr(images, "read_cache"):  # a Dataset
        return [images.path(row) for row in range(len(images))]  # type: ignore[arg-type, union-attr]
    if not isinstance(images, Sequence | Iterator):
        raise _not_images(images, "")
    items = list(islice(images, MOST_IN_MEMORY + 1))
    if len(items) > MOST_IN_MEMORY:
        raise PupilaError(
            say("Too many images for one call"), actual=say("more than {n}", n=integer(MOST_IN_MEMORY)),
            remedy="pupila predict BUNDLE FOLDER --csv FILE",
        )  # fmt: skip
    for number, item in enumerate(items):
        if not is_path(item) and not _is_image(item):
            raise _not_images(item, say("item {number}: ", number=number))
    if not items:
        raise PupilaError(say("No images"), actual=say("an empty list"), expected=say("at least one image"))
    return items


def _is_image(value: object) -> bool:
    from pupila.imaging.images.memory import is_picture

    if isinstance(value, bytes | bytearray) or hasattr(value, "image_path"):
        return True
    return is_picture(value) and not _is_batch(value)


def _is_batch(value: object) -> bool:
    """Whether this is a numpy array of several images, (N, H, W, 3)."""
    return getattr(value, "ndim", 0) == 4 and hasattr(value, "dtype") and type(value).__module__ == "numpy"


def _not_images(value: object, where: str) -> PupilaError:
    return PupilaError(
        say("Can't predict this"), actual=where + describe_type(value),
        expected=say("a path, a folder, a pattern, a Pillow image, a numpy array (height, width, 3) of uint8, the "
                     "bytes of a file, a list of these, or an open data set"),
    )  # fmt: skip


def refuse_data(value: object) -> PupilaError:
    """The error for data of a type that is not taken."""
    return PupilaError(
        say("Can't read a data set from this"), actual=describe_type(value),
        expected=say("a path, an open data set, a list of paths or of (image, label), a polars or pandas table, a "
                     "torchvision ImageFolder, a Hugging Face dataset with an Image feature, or a mapping of split "
                     "names to these"),
    )  # fmt: skip
