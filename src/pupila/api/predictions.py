"""Predictions in memory: of one image, and of many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

from pupila.core import files
from pupila.core.display import Displayed, Summary, count_classes
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count, say_images

if TYPE_CHECKING:
    from pupila.imaging.images.decode import ImageFault, ImageLimits

_THUMBNAILS = 8  # on a card
_PLOT_SIDE = 512  # pixels


@dataclass(frozen=True, slots=True, repr=False)
class Prediction(Displayed):
    """The prediction for one image.

    The fields of the task's own prediction are attributes, too: `prediction`, `confidence`, `probabilities` and
    `abstained` of a classifier; `labels`, `confidence`, `probabilities`, `thresholds` and `abstained` of a
    multi-label classifier; `mask`, `shares`, ... of a segmentation model; `mask`, `predicted_iou`, ... of a
    promptable one. See `value`.
    """

    image: str  # path or name
    value: Any  # of the task: ClassPrediction, LabelsPrediction, MaskPrediction, ...; None: there is none
    fault: "ImageFault | PupilaError | None"  # why there is none
    data: bytes | None  # of an image in memory; None: it is read from its path
    limits: "ImageLimits"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in Prediction.__slots__:  # looked up while a copy is made
            raise AttributeError(name)
        if self.value is None:
            raise PupilaError(say("{image} has no prediction", image=self.image), actual=str(self.fault))
        return getattr(self.value, name)

    def __dir__(self) -> list[str]:
        own = [] if self.value is None else [each.name for each in fields(self.value)]
        return sorted({*object.__dir__(self), *own})

    def __str__(self) -> str:
        return str(self.value if self.fault is None else self.fault)

    def pixels(self) -> Any:
        """(H, W, 3) uint8 RGB: the upright image.

        Raises:
            PupilaError: it can't be read (any more).
        """
        from pupila.imaging.geotiff.image import read_image
        from pupila.imaging.images.decode import ImageFault

        try:
            data = self.data if self.data is not None else files.read_bytes(self.image)
            return read_image(data, None, self.limits).rgb
        except (ImageFault, OSError) as fault:
            raise PupilaError(
                say("{path} can no longer be read", path=self.image), actual=str(fault)
            ) from fault

    def plot(self, side: int = _PLOT_SIDE) -> Any:
        """The image with its prediction, masks drawn over it: a Pillow image, which a notebook shows.

        Args:
            side: of the longer side, pixels.

        Raises:
            PupilaError: there is no prediction, or the image can't be read any more.
        """
        from pupila.imaging.images.memory import contact_sheet

        return contact_sheet([(self.draw(self.pixels()), str(self))], 1, side)

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data, without arrays: a row of a table."""
        if self.value is None:
            return {"image": self.image, "error": str(self.fault)}
        row = {each.name: getattr(self.value, each.name) for each in fields(self.value)}
        return {"image": self.image, **{k: v for k, v in row.items() if not hasattr(v, "dtype")}}

    def summary(self) -> Summary:
        """Image and prediction; on a card with the image."""
        headline = f"{self.image}: {self}"
        if self.value is None:
            return Summary("Prediction", headline)
        facts = {**self.value.facts(), say("abstained"): say("yes") if self.abstained else say("no")}
        return Summary("Prediction", headline, facts, _thumbnails([self]))


class Predictions(Displayed, Sequence[Prediction]):
    """The predictions for some images, in their order."""

    __slots__ = ("_items", "skipped")

    def __init__(self, items: Sequence[Prediction], skipped: str = "") -> None:
        self._items = tuple(items)
        self.skipped = skipped  # sentences on the files of folders that are no images

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Prediction: ...
    @overload
    def __getitem__(self, at: slice) -> "Predictions": ...
    def __getitem__(self, at: int | slice) -> "Prediction | Predictions":
        return Predictions(self._items[at]) if isinstance(at, slice) else self._items[at]

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self._items)

    @property
    def failed(self) -> "Predictions":
        """Those without a prediction, each with its `fault`."""
        return Predictions([each for each in self if each.value is None])

    def as_dicts(self) -> list[dict[str, Any]]:
        """One row per image, as for `polars.DataFrame` or `pandas.DataFrame`."""
        return [each.as_dict() for each in self]

    def show(self, count: int = 24) -> Any:
        """A contact sheet of the first images with their predictions: a Pillow image, which a notebook shows."""
        from pupila.imaging.images.memory import contact_sheet

        usable = [each for each in self if each.value is not None][:count]
        if not usable:
            raise PupilaError(say("No predictions to show"), actual=repr(self))
        return contact_sheet([(each.draw(each.pixels()), str(each)) for each in usable], 6, 160)

    def summary(self) -> Summary:
        """How many images, what is predicted, how many failed."""
        usable = [each for each in self if each.value is not None]
        names = Counter(name for each in usable for name in each.value.class_names())
        abstained, failed = sum(each.abstained for each in usable), len(self) - len(usable)
        parts = [
            say_images(len(self)), count_classes(dict(names.most_common())),
            say_count("{n} abstained", "{n} abstained", abstained) if abstained else "",
            say_count("{n} error", "{n} errors", failed) if failed else "",
            self.skipped,
        ]  # fmt: skip
        shown = {each.image: str(each) for each in self._items[:_THUMBNAILS]}
        return Summary(
            "Predictions", ", ".join(filter(None, parts)), shown, _thumbnails(self._items[:_THUMBNAILS])
        )


def _thumbnails(predictions: Sequence[Prediction]) -> tuple[tuple[str, str], ...]:
    """Small images with what is predicted drawn; none for those that can't be read."""
    from pupila.imaging.images.encode import to_data_uri

    pictures = []
    for each in predictions:
        if each.value is None:
            continue
        try:
            pictures.append((to_data_uri(each.draw(each.pixels())), f"{each.image}: {each}"))
        except PupilaError:
            continue
    return tuple(pictures)
