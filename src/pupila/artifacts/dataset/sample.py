"""One image of a data set, and a look at several."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.dataset.targets import TARGETS
from pupila.artifacts.dataset.understood import describe
from pupila.core.display import Displayed, Summary, count_classes
from pupila.core.errors import PupilaError
from pupila.core.messages import integer, say, say_count, say_images
from pupila.imaging.images.encode import to_data_uri
from pupila.imaging.images.memory import contact_sheet
from pupila.imaging.masks.drawing import overlay

if TYPE_CHECKING:
    from pupila.artifacts.dataset.manifest import Dataset

_SHEET_COLUMNS, _SHEET_SIDE = 8, 128
_THUMBNAILS = 8  # on a card


class NoSuchRow(PupilaError, IndexError):
    """A row beyond the last one; Python's protocols end at an IndexError."""


@dataclass(frozen=True, slots=True, repr=False)
class Sample(Displayed):
    """One image of a data set."""

    data: "Dataset"
    row: int

    @property
    def image(self) -> str:
        """Its path as the manifest has it."""
        return str(self.data.images["image"][self.row])

    @property
    def image_path(self) -> str:
        """Its path or URI."""
        return self.data.path(self.row)

    @property
    def target(self) -> str | None:
        """Its class, its labels as text (see `tasks/label_text`), or the path of its mask; None: no label."""
        target: str | None = self.data.images["target"][self.row]
        return target

    def describe(self) -> str:
        """Its target in words."""
        target, kind = self.target, self.data.target
        if target is None or kind is None:
            return say("unlabelled")
        return TARGETS[kind].describe(target, self.data.classes)

    @property
    def labels(self) -> dict[str, bool]:
        """Class name -> whether the image shows it; a class that is not named is unknown, as all are without a label.

        With a mask, the classes that occur in it.
        """
        return self.data.known_labels(self.row)

    @property
    def group(self) -> str | None:
        """The product, patient or place that it belongs to; None: an image of its own."""
        group: str | None = self.data.images["group"][self.row]
        return group

    def pixels(self, at_least: int | None = None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, upright; see `Dataset.pixels`."""
        return self.data.pixels(self.row, at_least)

    def mask(self) -> NDArray[np.uint8]:
        """(H, W) uint8 class indices; see `Dataset.mask`.

        Raises:
            PupilaError: the data set has no masks.
        """
        self.data.require_label_map()
        return self.data.mask(self.row)

    def draw(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: the image, with its mask over it where it has one."""
        if self.data.target != "mask" or self.target is None:
            return self.pixels(_SHEET_SIDE)
        mask, classes = self.mask(), len(self.data.classes)
        return overlay(self.pixels(), np.where(mask < classes, mask, 0), classes)

    def summary(self) -> Summary:
        """Path, target and size."""
        height, width = self.data.images["height"][self.row], self.data.images["width"][self.row]
        target = self.describe()
        facts = {say("target"): target, say("size"): f"{width} x {height}"}
        facts |= {say("group"): self.group} if self.group else {}
        picture = to_data_uri(self.data.miniatures([self.row])[0])
        return Summary("Sample", f"{self.image}: {target}", facts, ((picture, self.image),))


def summarize(data: "Dataset") -> Summary:
    """Images, task, classes and a few miniatures."""
    count = say_images(len(data))
    classes = count_classes(data.class_counts()) if data.task else ""
    labels = f"{data.task.name}, {classes}" if data.task else say("no labels yet")
    facts = {
        say("folder"): data.folder, say("layout"): data.layout, say("images"): integer(len(data)),
        say("task"): data.task.name if data.task else say("no labels yet"), say("classes"): classes,
        say("skipped"): integer(data.skipped.height), say("as read"): " ".join(describe(data)),
    }  # fmt: skip
    rows = _spread(len(data), _THUMBNAILS)
    names = data.images["image"][rows].to_list()
    pictures = tuple((to_data_uri(rgb), name) for rgb, name in zip(data.miniatures(rows), names, strict=True))
    return Summary("Dataset", f"{count}, {labels}", {k: v for k, v in facts.items() if v}, pictures)


def find_samples(data: "Dataset", row: object) -> "Sample | list[Sample]":
    """The image of a row number, which counts from the end where it is negative, or those of a slice.

    Raises:
        PupilaError: another type; also an IndexError: there is no such row.
    """
    images = say_images(len(data))
    try:
        rows = range(len(data))[row]  # type: ignore[call-overload]
    except IndexError as fault:
        raise NoSuchRow(
            say("There is no image {row}", row=row), expected=say("a row of {images}, from 0", images=images)
        ) from fault
    except TypeError as fault:
        raise PupilaError(
            say("Not the row of an image"), actual=f"{row!r}"[:80],
            expected=say("a row number of {images}, from 0, or a slice", images=images),
        ) from fault  # fmt: skip
    return Sample(data, rows) if isinstance(rows, int) else [Sample(data, each) for each in rows]


def draw_sheet(data: "Dataset", count: int) -> Any:
    """Images evenly from the whole data set on one sheet, each with its class, or its mask drawn: a Pillow image.

    Raises:
        PupilaError: fewer than one.
    """
    if count < 1:
        raise PupilaError(
            say_count(
                "Can't show {n} image",
                "Can't show {n} images",
                count,
            ),
            expected=say("one image or more"),
        )
    samples = [Sample(data, row) for row in _spread(len(data), count)]
    masks = data.target == "mask"
    images = [
        (each.draw(), each.image if masks or each.target is None else each.describe()) for each in samples
    ]
    return contact_sheet(images, _SHEET_COLUMNS, _SHEET_SIDE)


def _spread(total: int, count: int) -> list[int]:
    """At most `count` rows, evenly over all."""
    return [round(float(row)) for row in np.linspace(0, total - 1, min(total, max(1, count)))]
